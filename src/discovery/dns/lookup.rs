//! A name's records, whoever of the servers knows them and under whichever permutation of the name.
//!
//! | a permutation is answered | and then |
//! |---|---|
//! | with no error, also without records | its records are the answer |
//! | with "no such name" | the next permutation; with this answer to all of them there are no records |
//! | by nobody, or with another error by all | the next permutation; if none is answered well, the lookup fails |

use std::path::PathBuf;

use tracing::warn;

use super::resolv_conf::ResolvConf;
use super::server::{Transport, ask};
use super::wire::{Answer, Question, Record};
use crate::config::DnsRecordType;

/// Where resolving begins.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    /// The file that names the servers, read for each lookup.
    pub(super) resolv_conf: PathBuf,
    /// Where servers listen.
    pub(super) port: u16,
}

impl Resolver {
    /// The records of `name`; none if all agree that there is no such name.
    pub(super) async fn lookup(&self, name: &str, kind: DnsRecordType) -> Result<Vec<Record>, String> {
        let path = &self.resolv_conf;
        let text = std::fs::read(path)
            .map_err(|error| format!("could not load resolv.conf: open {}: {error}", path.display()))?;
        let conf = ResolvConf::parse(&String::from_utf8_lossy(&text));
        let mut all_answered = true;
        for permutation in conf.names(name) {
            match self.ask_any(&conf, &permutation, kind).await {
                Some(answer) if answer.is_success() => return Ok(answer.records),
                Some(_) => {}
                None => all_answered = false,
            }
        }
        if all_answered {
            return Ok(Vec::new());
        }
        Err(format!(
            "could not resolve {name:?}: all servers responded with errors to at least one search domain"
        ))
    }

    /// The first answer that says something about the name.
    async fn ask_any(&self, conf: &ResolvConf, name: &str, kind: DnsRecordType) -> Option<Answer> {
        let mut transport = Transport::Udp;
        for server in &conf.servers {
            match self.ask_one(server, name, kind, &mut transport).await {
                Ok(answer) if answer.is_success() || answer.is_no_such_name() => return Some(answer),
                Ok(_) => {}
                Err(error) => warn!(%error, server, name, "DNS resolution failed"),
            }
        }
        None
    }

    /// Asks a second time if the answer did not fit into a datagram; the servers after it are asked like that too.
    async fn ask_one(
        &self,
        server: &str,
        name: &str,
        kind: DnsRecordType,
        transport: &mut Transport,
    ) -> Result<Answer, String> {
        let question = Question { name, kind };
        let mut answer = ask(server, self.port, &question.with_large_datagrams()?, *transport).await?;
        if answer.is_truncated && *transport == Transport::Udp {
            *transport = Transport::Tcp;
            answer = ask(server, self.port, &question.plain()?, *transport).await?;
        }
        if answer.is_truncated {
            return Err("got truncated message on TCP (64kiB limit exceeded?)".to_owned());
        }
        Ok(answer)
    }
}
