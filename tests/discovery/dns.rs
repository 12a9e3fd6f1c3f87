//! DNS beside the real Prometheus: both in a mount namespace whose `/etc/resolv.conf` names one real server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{Pair, config, metric, start};
use crate::support::server::deucalion;
use crate::support::{peers, wait_for};

/// Where the server listens; port 53, since no file can name another.
const ADDRESS: &str = "127.53.53.53";

/// A dnsmasq. Dropping ends it.
struct Dnsmasq(Child);

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Dnsmasq {
    fn start(program: &Path, dir: &Path, records: &str) -> Self {
        let conf = dir.join("dnsmasq.conf");
        let fixed = "no-resolv\nno-hosts\nbind-interfaces\nlocal=/example/\nlocal=/test/\nuser=\n";
        fs::write(&conf, format!("listen-address={ADDRESS}\n{fixed}{records}"))
            .expect("write a configuration");
        let process = Command::new(program)
            .arg("--keep-in-foreground")
            .arg(format!("--conf-file={}", conf.display()))
            .arg("--pid-file=")
            .stdin(Stdio::null())
            .spawn();
        Self(process.expect("start dnsmasq"))
    }

    fn stop(&mut self) {
        // It may have ended by itself.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}

/// A program that runs `binary` where `/etc/resolv.conf` is another file.
fn in_namespace(dir: &Path, name: &str, binary: &Path, resolv_conf: &Path) -> PathBuf {
    let script = dir.join(name);
    let text = format!(
        "#!/bin/sh\nexec unshare -m sh -c 'mount --bind {} /etc/resolv.conf && exec \"$0\" \"$@\"' {} \"$@\"\n",
        resolv_conf.display(),
        binary.display()
    );
    fs::write(&script, text).expect("write a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("make it run");
    script
}

/// Whether this machine lets us; says loudly what is skipped otherwise.
fn may_run(dir: &Path, resolv_conf: &Path) -> bool {
    let cat = in_namespace(dir, "cat", Path::new("cat"), resolv_conf);
    let read = Command::new(cat).arg("/etc/resolv.conf").output();
    let namespace = read.is_ok_and(|read| read.stdout == fs::read(resolv_conf).unwrap_or_default());
    let port = std::net::UdpSocket::bind((ADDRESS, 53)).is_ok();
    if !namespace || !port {
        eprintln!(
            "SKIPPED: DNS beside the real Prometheus: mount namespaces {namespace}, port 53 of {ADDRESS} {port}"
        );
    }
    namespace && port
}

#[test]
fn both_find_the_same_records_and_keep_them_while_the_server_is_gone() {
    let skipped = "DNS discovery beside the real Prometheus";
    let (Some(real), Some(dnsmasq)) = (peers::prometheus(skipped), peers::find("dnsmasq", skipped)) else {
        return;
    };
    let dir = tempfile::tempdir().expect("make a directory");
    let resolv_conf = dir.path().join("resolv.conf");
    let text = format!("search a.test example\nnameserver {ADDRESS}\noptions ndots:2\n");
    fs::write(&resolv_conf, text).expect("write a file");
    if !may_run(dir.path(), &resolv_conf) {
        return;
    }
    let mut records = "host-record=w.example,10.0.0.1\nhost-record=w.example,10.0.0.2\n\
         host-record=v6.example,fd00::2\n\
         cname=alias.example,w.example\n\
         srv-host=_web._tcp.example,one.example,8080\nsrv-host=_web._tcp.example,two.example,8081\n\
         mx-host=example,mail.example,10\n\
         dns-rr=zone.example,2,026e73076578616d706c6500\n\
         dns-rr=odd.example,2,05612e622063076578616d706c6500\n"
        .to_owned();
    for number in 0..400 {
        records += &format!(
            "srv-host=_many._tcp.example,host-number-{number}.example,{}\n",
            number + 1
        );
    }
    let mut server = Dnsmasq::start(&dnsmasq, dir.path(), &records);
    let job = |name: &'static str, names: &str, more: &str| {
        let settings = format!("{{names: [{names}], refresh_interval: 1s{more}}}");
        (name, format!("dns_sd_configs: [{settings}]"))
    };
    let jobs = config(&[
        job("a", "w, w.example., alias.example, gone", ", type: A, port: 80"),
        job("aaaa", "v6.example", ", type: aaaa, port: 80"),
        job("srv", "_web._tcp.example, _web._tcp", ""),
        job("many", "_many._tcp.example", ""),
        job("mx", "example.", ", type: MX, port: 25"),
        job("ns", "zone.example, odd.example", ", type: NS, port: 53"),
    ]);
    let wrapped = |name: &str, binary: &Path| in_namespace(dir.path(), name, binary, &resolv_conf);
    let theirs = start(&wrapped("their", &real), &dir.path().join("theirs"), &jobs);
    let pair = Pair {
        ours: start(&wrapped("our", &deucalion()), &dir.path().join("ours"), &jobs),
        theirs_url: theirs.url.clone(),
        kept: Box::new(|_| true),
    };
    let all = [
        ("a", 6),
        ("aaaa", 1),
        ("srv", 4),
        ("many", 400),
        ("mx", 1),
        ("ns", 2),
    ];
    pair.check("all records", &all);
    server.stop();
    let failures = "prometheus_sd_dns_lookup_failures_total";
    for server in [&pair.ours, &theirs] {
        let before = metric(server, failures);
        // One round of all names.
        wait_for("failures", 40, || {
            (metric(server, failures) >= before + 11.0).then_some(())
        });
    }
    pair.check("a server that is gone", &all);
    let fewer =
        "host-record=w.example,10.0.0.1\nhost-record=v6.example,fd00::3\nmx-host=example,post.example,10\n";
    let _server = Dnsmasq::start(&dnsmasq, dir.path(), fewer);
    // Below the search list stands the name itself, of which this server says that it does not know: a failure.
    pair.check("fewer records", &[("a", 2), ("aaaa", 1), ("srv", 2), ("mx", 1)]);
}
