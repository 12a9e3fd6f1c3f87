//! Servers that answer, servers that do not, and a real one.

use std::fmt::Write;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Ttl};
use domain::rdata::A;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::*;
use crate::config::DnsRecordType;
use crate::telemetry::Registry;

/// What a server does with a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saying {
    /// An address that ends in this.
    Address(u8),
    /// Nothing of the type asked for.
    NoData,
    Code(Rcode),
    /// That there is more than fits into a datagram.
    Truncated,
    /// An answer to another question, and then this address.
    Stray(u8),
    Garbage,
    Nothing,
}

/// What was asked: the transport, the name, the size of datagrams that is taken.
type Asked = Arc<Mutex<Vec<(&'static str, String, Option<u16>)>>>;

/// Servers at 127.0.0.1, 127.0.0.2 and so on, on one port, each with answers by name.
struct Servers {
    port: u16,
    asked: Asked,
    directory: tempfile::TempDir,
}

impl Servers {
    async fn start(servers: &[&'static [(&'static str, Saying)]]) -> Self {
        let port = free_port();
        let asked = Asked::default();
        for (answers, last) in servers.iter().zip(1..) {
            let address = std::net::SocketAddr::from(([127, 0, 0, last], port));
            let udp = UdpSocket::bind(address).await.unwrap();
            let tcp = tokio::net::TcpListener::bind(address).await.unwrap();
            tokio::spawn(serve_datagrams(udp, answers, Arc::clone(&asked)));
            tokio::spawn(serve_connections(tcp, answers, Arc::clone(&asked)));
        }
        let directory = tempfile::tempdir().unwrap();
        let mut conf = "search a.example b.example\n".to_owned();
        for last in 1..=servers.len() {
            writeln!(conf, "nameserver 127.0.0.{last}").unwrap();
        }
        std::fs::write(directory.path().join("resolv.conf"), conf).unwrap();
        Self {
            port,
            asked,
            directory,
        }
    }

    fn resolver(&self) -> Resolver {
        Resolver {
            resolv_conf: self.directory.path().join("resolv.conf"),
            port: self.port,
        }
    }

    async fn lookup(&self, name: &str) -> Result<Vec<Record>, String> {
        self.resolver().lookup(name, DnsRecordType::A).await
    }

    fn asked_names(&self) -> Vec<String> {
        let asked = self.asked.lock();
        asked.iter().map(|(_, name, _)| name.clone()).collect()
    }
}

/// A port that is free for datagrams and connections.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

async fn serve_datagrams(socket: UdpSocket, answers: &'static [(&'static str, Saying)], asked: Asked) {
    let mut question = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut question).await {
        for answer in answers_to(&question[..length], "udp", answers, &asked) {
            socket.send_to(&answer, from).await.unwrap();
        }
    }
}

async fn serve_connections(
    listener: tokio::net::TcpListener,
    answers: &'static [(&'static str, Saying)],
    asked: Asked,
) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut question = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut question).await.unwrap();
        for answer in answers_to(&question, "tcp", answers, &asked) {
            stream
                .write_u16(u16::try_from(answer.len()).unwrap())
                .await
                .unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    }
}

fn answers_to(
    question: &[u8],
    transport: &'static str,
    answers: &[(&str, Saying)],
    asked: &Asked,
) -> Vec<Vec<u8>> {
    let message = Message::from_octets(question).unwrap();
    let name = message.sole_question().unwrap().qname().to_string();
    let size = message.opt().map(|opt| opt.udp_payload_size());
    asked.lock().push((transport, name.clone(), size));
    let known = answers.iter().find(|(known, _)| *known == name);
    let saying = known.map_or(Saying::Code(Rcode::NXDOMAIN), |(_, saying)| *saying);
    let reply = |code: Rcode, address: Option<u8>, truncated: bool, id: u16| {
        let mut answer = MessageBuilder::new_vec().start_answer(&message, code).unwrap();
        answer.header_mut().set_id(id);
        answer.header_mut().set_tc(truncated);
        if let Some(last) = address {
            let owner = Name::<Vec<u8>>::root_vec();
            let data = A::from_octets(10, 0, 0, last);
            answer.push((owner, Ttl::from_secs(0), data)).unwrap();
        }
        answer.finish()
    };
    let id = message.header().id();
    match saying {
        Saying::Address(last) => vec![reply(Rcode::NOERROR, Some(last), false, id)],
        Saying::NoData => vec![reply(Rcode::NOERROR, None, false, id)],
        Saying::Code(code) => vec![reply(code, None, false, id)],
        Saying::Truncated if transport == "tcp" => vec![reply(Rcode::NOERROR, Some(99), false, id)],
        Saying::Truncated => vec![reply(Rcode::NOERROR, Some(1), true, id)],
        Saying::Stray(last) => vec![
            reply(Rcode::NOERROR, Some(1), false, id.wrapping_add(1)),
            reply(Rcode::NOERROR, Some(last), false, id),
        ],
        Saying::Garbage => vec![b"garbage".to_vec()],
        Saying::Nothing => Vec::new(),
    }
}

fn address(last: u8) -> Vec<Record> {
    vec![Record::Address([10, 0, 0, last].into())]
}

#[tokio::test]
async fn the_first_permutation_that_is_known_is_the_answer() {
    let servers = Servers::start(&[&[
        ("w.b.example", Saying::Address(1)),
        ("w", Saying::Address(2)),
        ("x.y", Saying::Address(3)),
        ("empty.a.example", Saying::NoData),
        ("empty", Saying::Address(4)),
    ]])
    .await;
    assert_eq!(servers.lookup("w").await, Ok(address(1)));
    assert_eq!(servers.asked_names(), ["w.a.example", "w.b.example"]);
    assert_eq!(servers.lookup("x.y").await, Ok(address(3)));
    assert_eq!(servers.lookup("w.").await, Ok(address(2)));
    assert_eq!(servers.lookup("empty").await, Ok(Vec::new()));
    assert!(
        servers
            .asked
            .lock()
            .iter()
            .all(|(transport, _, size)| (*transport, *size) == ("udp", Some(4096)))
    );
}

#[tokio::test]
async fn a_name_that_nobody_has_has_no_records_and_one_that_somebody_may_have_is_an_error() {
    let servers = Servers::start(&[&[
        ("lame.a.example", Saying::Code(Rcode::SERVFAIL)),
        ("saved.a.example", Saying::Code(Rcode::REFUSED)),
        ("saved", Saying::Address(5)),
    ]])
    .await;
    assert_eq!(servers.lookup("nobody").await, Ok(Vec::new()));
    assert_eq!(
        servers.lookup("lame").await.unwrap_err(),
        "could not resolve \"lame\": all servers responded with errors to at least one search domain"
    );
    assert_eq!(servers.lookup("saved").await, Ok(address(5)));
    assert!(servers.lookup("a..b.").await.is_err());
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_says_nothing_of_the_name() {
    let servers = Servers::start(&[
        &[
            ("fails", Saying::Code(Rcode::SERVFAIL)),
            ("garbage", Saying::Garbage),
            ("silent", Saying::Nothing),
            ("known", Saying::Address(1)),
        ],
        &[
            ("fails", Saying::Address(2)),
            ("garbage", Saying::Address(3)),
            ("silent", Saying::Address(4)),
            ("known", Saying::Address(5)),
            ("unknown", Saying::Address(6)),
        ],
    ])
    .await;
    for (name, expected) in [
        ("fails.", address(2)),
        ("garbage.", address(3)),
        ("silent.", address(4)),
        ("known.", address(1)),
        ("unknown.", Vec::new()),
    ] {
        assert_eq!(servers.lookup(name).await, Ok(expected), "{name}");
    }
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_a_connection() {
    let servers = Servers::start(&[&[("big", Saying::Truncated), ("stray", Saying::Stray(7))]]).await;
    assert_eq!(servers.lookup("big.").await, Ok(address(99)));
    assert_eq!(
        *servers.asked.lock(),
        [
            ("udp", "big".to_owned(), Some(4096)),
            ("tcp", "big".to_owned(), None)
        ]
    );
    assert_eq!(servers.lookup("stray.").await, Ok(address(7)));
}

#[tokio::test]
async fn without_the_file_nothing_is_looked_up() {
    let resolver = Resolver {
        resolv_conf: "/nowhere/resolv.conf".into(),
        port: 1,
    };
    let error = resolver.lookup("a", DnsRecordType::A).await.unwrap_err();
    assert!(
        error.starts_with("could not load resolv.conf: open /nowhere/resolv.conf: "),
        "{error}"
    );
}

fn config(names: &[&str], record_type: DnsRecordType) -> DnsSdConfig {
    DnsSdConfig {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        refresh_interval_ms: 60_000,
        record_type,
        type_text: "A".to_owned(),
        port: 9100,
    }
}

fn names(config: &DnsSdConfig, resolver: Resolver, registry: &Registry) -> Names {
    let mut names = DnsProvider::new(config, "job", &DiscoveryMetrics::new(registry)).names;
    names.resolver = resolver;
    names
}

#[tokio::test]
async fn a_name_that_fails_is_left_alone_and_counted() {
    let servers = Servers::start(&[&[
        ("good", Saying::Address(1)),
        ("bad", Saying::Code(Rcode::SERVFAIL)),
    ]])
    .await;
    let registry = Registry::new();
    let asked = config(&["good.", "bad.", "gone."], DnsRecordType::A);
    let mut names = names(&asked, servers.resolver(), &registry);
    let groups = names.refresh().await.unwrap();
    let told: Vec<(&str, usize)> = groups
        .iter()
        .map(|group| (group.source.as_str(), group.targets.len()))
        .collect();
    assert_eq!(told, [("good.", 1), ("gone.", 0)]);
    let text = registry.render();
    assert!(text.contains("prometheus_sd_dns_lookups_total 3\n"), "{text}");
    assert!(
        text.contains("prometheus_sd_dns_lookup_failures_total 1\n"),
        "{text}"
    );
}

/// A real dnsmasq at 127.0.0.1. Dropping ends it.
struct Dnsmasq {
    process: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        // It may have ended by itself.
        if self.process.kill().is_ok() {
            drop(self.process.wait());
        }
    }
}

impl Dnsmasq {
    /// With these lines of configuration; `None`, said loudly, where there is none.
    async fn start(records: &str) -> Option<Self> {
        let folder =
            std::env::var_os("PEERS").map_or_else(|| std::env::temp_dir().join("peers"), PathBuf::from);
        let program = folder.join("bin/dnsmasq");
        if !program.exists() {
            eprintln!(
                "SKIPPED: a real dnsmasq: there is no {} (run tests/peers.sh)",
                program.display()
            );
            return None;
        }
        let (port, directory) = (free_port(), tempfile::tempdir().unwrap());
        let conf = directory.path().join("dnsmasq.conf");
        let fixed =
            "no-resolv\nno-hosts\nbind-interfaces\nlisten-address=127.0.0.1\nlocal=/example/\nuser=\n";
        std::fs::write(&conf, format!("port={port}\n{fixed}{records}")).unwrap();
        std::fs::write(directory.path().join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
        let process = Command::new(program)
            .arg("--keep-in-foreground")
            .arg(format!("--conf-file={}", conf.display()))
            .arg("--pid-file=")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let dnsmasq = Self {
            process,
            port,
            directory,
        };
        let answers = async {
            while dnsmasq
                .resolver()
                .lookup("ready.example.", DnsRecordType::A)
                .await
                != Ok(address(1))
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), answers)
            .await
            .expect("dnsmasq answers");
        Some(dnsmasq)
    }

    fn resolver(&self) -> Resolver {
        Resolver {
            resolv_conf: self.directory.path().join("resolv.conf"),
            port: self.port,
        }
    }

    async fn targets(&self, name: &str, kind: DnsRecordType) -> Vec<String> {
        let mut names = names(&config(&[name], kind), self.resolver(), &Registry::new());
        let groups = names.refresh().await.unwrap();
        let mut targets: Vec<String> = groups[0]
            .targets
            .iter()
            .map(|labels| {
                let pairs = labels.iter().map(|(name, value)| format!("{name}={value}"));
                pairs.collect::<Vec<_>>().join(" ").replace("__meta_dns_", "")
            })
            .collect();
        targets.sort_unstable();
        targets
    }
}

#[tokio::test]
async fn a_real_server_is_asked_for_records_of_all_types() {
    let mut records = "host-record=ready.example,10.0.0.1\n\
         host-record=w.example,10.0.0.2,fd00::2\n\
         cname=alias.example,w.example\n\
         srv-host=_web._tcp.example,one.example,8080,1\n\
         srv-host=_web._tcp.example,two.example,8081,2\n\
         mx-host=example,mail.example,10\n\
         dns-rr=zone.example,2,026e73076578616d706c6500\n"
        .to_owned();
    for number in 0..400 {
        writeln!(
            records,
            "srv-host=_many._tcp.example,host-number-{number}.example,{number}"
        )
        .unwrap();
    }
    let Some(dnsmasq) = Dnsmasq::start(&records).await else {
        return;
    };
    let check = async |name: &str, kind, expected: &[&str]| {
        assert_eq!(dnsmasq.targets(name, kind).await, expected, "{name}");
    };
    use DnsRecordType::{A, Aaaa, Mx, Ns, Srv};
    check("w.example", A, &["__address__=10.0.0.2:9100 name=w.example"]).await;
    check("w.example", Aaaa, &["__address__=[fd00::2]:9100 name=w.example"]).await;
    check(
        "alias.example",
        A,
        &["__address__=10.0.0.2:9100 name=alias.example"],
    )
    .await;
    check(
        "_web._tcp.example",
        Srv,
        &[
            "__address__=one.example:8080 name=_web._tcp.example srv_record_port=8080 \
             srv_record_target=one.example.",
            "__address__=two.example:8081 name=_web._tcp.example srv_record_port=8081 \
             srv_record_target=two.example.",
        ],
    )
    .await;
    check(
        "example",
        Mx,
        &["__address__=mail.example:9100 mx_record_target=mail.example. name=example"],
    )
    .await;
    check(
        "zone.example",
        Ns,
        &["__address__=ns.example:9100 name=zone.example ns_record_target=ns.example."],
    )
    .await;
    check("nobody.example", A, &[]).await;
    check("w.example", Srv, &[]).await;
    // Four hundred records fit into no datagram of 4096 bytes.
    assert_eq!(dnsmasq.targets("_many._tcp.example", Srv).await.len(), 400);
}
