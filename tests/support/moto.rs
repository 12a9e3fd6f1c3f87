//! moto, which stands in for AWS (`tests/peers.sh` brings it).

use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::http::{self, Answer};
use super::{free_port, peers, wait_for};

/// A running moto. Dropping kills it.
pub(crate) struct Moto {
    child: Child,
    pub(crate) url: String,
}

impl Moto {
    /// Starts it, if it is there. It answers everyone until [`Moto::check_signatures`].
    pub(crate) fn start(dir: &Path, skipped: &str) -> Option<Self> {
        let binary = peers::find("moto_server", skipped)?;
        let port = free_port();
        let log = std::fs::File::create(dir.join("moto.log")).expect("make the log");
        let child = Command::new(binary)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            // Takes signatures seriously once it is told to.
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "1000000")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("share the log"))
            .stderr(log)
            .spawn()
            .expect("start moto");
        let moto = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        wait_for("moto to answer", 60, || {
            http::get(&format!("{}/moto-api/data.json", moto.url)).ok()
        });
        Some(moto)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        let address = self.url.trim_start_matches("http://");
        address.parse().expect("an address")
    }

    /// From now on only requests are answered whose signature is that of a user who may.
    pub(crate) fn check_signatures(&self) {
        let url = format!("{}/moto-api/reset-auth", self.url);
        let answer = http::request("POST", &url, &[], Some(("text/plain", "0"))).expect("reset-auth");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Calls a service in a region as nobody.
    #[track_caller]
    pub(crate) fn call(&self, service: &str, region: &str, action: &str, form: &[(&str, &str)]) -> String {
        let version = match service {
            "ec2" => "2016-11-15",
            _ => "2010-05-08",
        };
        let mut all = vec![("Action", action), ("Version", version)];
        all.extend(form);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20260504/{region}/{service}/aws4_request, SignedHeaders=host, Signature=x"
        );
        let headers = [("authorization", &*authorization)];
        let form = http::encode(&all);
        let body = Some(("application/x-www-form-urlencoded", &*form));
        let Answer { status, body, .. } =
            http::request("POST", &format!("{}/", self.url), &headers, body).expect("moto answers");
        assert_eq!(status, 200, "{action}: {body}");
        body
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// The text of the first element of this name.
#[track_caller]
pub(crate) fn text_of<'a>(xml: &'a str, name: &str) -> &'a str {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after = xml.split_once(&open).map(|(_, after)| after);
    let text = after
        .and_then(|after| after.split_once(&close))
        .map(|(text, _)| text);
    text.unwrap_or_else(|| panic!("there is no {name} in {xml}"))
}
