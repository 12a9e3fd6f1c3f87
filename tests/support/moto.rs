//! moto: a server that answers as AWS does, with a fleet in its memory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::process::Process;
use super::{free_port, http, peers, wait_for};

/// The program.
#[derive(Debug)]
pub(crate) struct Program(PathBuf);

/// A running moto with an empty fleet. Dropping ends it.
#[derive(Debug)]
pub(crate) struct Moto {
    address: SocketAddr,
    _process: Process,
}

impl Moto {
    /// The program, where it can be had.
    pub(crate) fn find(skipped: &str) -> Option<Program> {
        peers::find("moto_server", skipped).map(Program)
    }
}

impl Program {
    #[track_caller]
    pub(crate) fn start(&self, dir: &Path) -> Moto {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let args = [
            "-H".to_owned(),
            "127.0.0.1".to_owned(),
            "-p".to_owned(),
            address.port().to_string(),
        ];
        let process = Process::start(&self.0, dir, &args);
        wait_for("moto", 60, || {
            http::get(&format!("http://{address}/moto-api/")).ok()
        });
        Moto {
            address,
            _process: process,
        }
    }
}

impl Moto {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts an instance with this private address; its id.
    #[track_caller]
    pub(crate) fn run_instance(&self, private_ip: &str, tags: &[(&str, &str)]) -> String {
        let mut form = vec![
            ("Action".to_owned(), "RunInstances".to_owned()),
            ("ImageId".to_owned(), "ami-12c6146b".to_owned()),
            ("MinCount".to_owned(), "1".to_owned()),
            ("MaxCount".to_owned(), "1".to_owned()),
            ("PrivateIpAddress".to_owned(), private_ip.to_owned()),
            (
                "TagSpecification.1.ResourceType".to_owned(),
                "instance".to_owned(),
            ),
        ];
        for (n, (name, value)) in tags.iter().enumerate() {
            let tag = format!("TagSpecification.1.Tag.{}", n + 1);
            form.push((format!("{tag}.Key"), (*name).to_owned()));
            form.push((format!("{tag}.Value"), (*value).to_owned()));
        }
        let answer = self.ask(&form);
        let id = answer
            .split("<instanceId>")
            .nth(1)
            .and_then(|rest| rest.split('<').next());
        id.unwrap_or_else(|| panic!("an instance id in {answer}"))
            .to_owned()
    }

    /// Ends an instance and takes a tag from it: moto goes on listing it with its address, which AWS does not.
    #[track_caller]
    pub(crate) fn terminate(&self, id: &str, tag: &str) {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        self.ask(&[pair("Action", "TerminateInstances"), pair("InstanceId.1", id)]);
        let tag = pair("Tag.1.Key", tag);
        self.ask(&[pair("Action", "DeleteTags"), pair("ResourceId.1", id), tag]);
    }

    #[track_caller]
    fn ask(&self, form: &[(String, String)]) -> String {
        let mut pairs: Vec<(&str, &str)> = vec![("Version", "2016-11-15")];
        pairs.extend(form.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // Whose service and region it is stands in the credential; nobody checks the signature.
        let authorization = "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
        let url = format!("http://{}/", self.address);
        let body = http::encode(&pairs);
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        let answer = http::request(
            "POST",
            &url,
            &[("authorization", authorization)],
            Some((form, &body)),
        );
        let answer = answer.expect("an answer of moto");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }
}
