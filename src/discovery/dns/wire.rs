//! DNS messages: a question, and of an answer what discovery wants to know.
//!
//! Reading and writing them is the work of the `domain` crate; here is what a name looks like in labels, where
//! Prometheus' library decides.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use domain::base::iana::{OptRcode, Rtype};
use domain::base::name::{NameBuilder, ParsedName, ToLabelIter};
use domain::base::{Message as Parsed, MessageBuilder, Name, ParsedRecord};
use domain::rdata::{A, Aaaa, Cname, Mx, Ns, Srv};

use crate::config::DnsRecordType;

/// The largest datagram that we say we take.
pub(super) const DATAGRAM_BYTES_MAX: usize = 4096;

/// How long the head of a message is.
const HEAD_BYTES: usize = 12;

/// What is asked: records of a type that a name has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'n> {
    /// With a dot at its end.
    pub(super) name: &'n str,
    pub(super) kind: DnsRecordType,
}

/// A question as it is sent.
#[derive(Debug)]
pub(super) struct Message {
    /// Comes back with the answer.
    pub(super) id: u16,
    pub(super) bytes: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) id: u16,
    code: OptRcode,
    /// Whether there is more than fitted.
    pub(super) is_truncated: bool,
    pub(super) records: Vec<Record>,
}

/// A record of an answer. Names end with a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Srv {
        target: String,
        port: u16,
    },
    Mx(String),
    Ns(String),
    Address(IpAddr),
    Alias,
    /// What was not asked for: its type.
    Other(String),
}

impl Question<'_> {
    /// Says that datagrams of up to [`DATAGRAM_BYTES_MAX`] are taken.
    pub(super) fn with_large_datagrams(self) -> Result<Message, String> {
        self.message(true)
    }

    /// Says nothing of the kind.
    pub(super) fn plain(self) -> Result<Message, String> {
        self.message(false)
    }

    fn message(self, large_datagrams: bool) -> Result<Message, String> {
        let refuse = |why: &dyn std::fmt::Display| format!("{:?}: {why}", self.name);
        let name = parse_name(self.name)?;
        let id = random_id();
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_id(id);
        builder.header_mut().set_rd(true);
        let mut question = builder.question();
        let kind = match self.kind {
            DnsRecordType::Srv => Rtype::SRV,
            DnsRecordType::A => Rtype::A,
            DnsRecordType::Aaaa => Rtype::AAAA,
            DnsRecordType::Mx => Rtype::MX,
            DnsRecordType::Ns => Rtype::NS,
        };
        question.push((name, kind)).map_err(|error| refuse(&error))?;
        let mut additional = question.additional();
        if large_datagrams {
            let size = u16::try_from(DATAGRAM_BYTES_MAX).unwrap_or(u16::MAX);
            let pushed = additional.opt(|opt| {
                opt.set_udp_payload_size(size);
                Ok(())
            });
            pushed.map_err(|error| refuse(&error))?;
        }
        let bytes = additional.finish();
        Ok(Message { id, bytes })
    }
}

/// Nobody who cannot see the question shall be able to answer it.
fn random_id() -> u16 {
    (RandomState::new().hash_one(0) & 0xffff) as u16
}

/// A name as it is written: `\.` is a dot in a label, `\065` a byte.
fn parse_name(text: &str) -> Result<Name<Vec<u8>>, String> {
    let refuse = |why: &dyn std::fmt::Display| format!("{text:?} is no name: {why}");
    let mut name = NameBuilder::new_vec();
    let mut bytes = match text {
        "." => [].iter(),
        text => text.as_bytes().iter(),
    };
    while let Some(&byte) = bytes.next() {
        let byte = match byte {
            b'.' if name.in_label() => {
                name.end_label();
                continue;
            }
            b'.' => return Err(refuse(&"two dots follow each other")),
            b'\\' => match bytes.as_slice() {
                [a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', rest @ ..] => {
                    bytes = rest.iter();
                    let code = [a, b, c]
                        .iter()
                        .fold(0, |n, digit| n * 10 + u32::from(**digit - b'0'));
                    u8::try_from(code).map_err(|_| refuse(&"a byte is below 256"))?
                }
                [literal, rest @ ..] => {
                    bytes = rest.iter();
                    *literal
                }
                [] => return Err(refuse(&"nothing follows the backslash")),
            },
            byte => byte,
        };
        name.push(byte).map_err(|error| refuse(&error))?;
    }
    name.into_name().map_err(|error| refuse(&error))
}

/// A name as it is written, with a dot at its end.
fn written(name: &impl ToLabelIter) -> String {
    let mut text = String::new();
    for label in name.iter_labels().filter(|label| !label.is_root()) {
        for &byte in label.as_slice() {
            match byte {
                b'.' | b' ' | b'\'' | b'@' | b';' | b'(' | b')' | b'"' | b'\\' => {
                    text.push('\\');
                    text.push(char::from(byte));
                }
                b'!'..=b'~' => text.push(char::from(byte)),
                byte => text.push_str(&format!("\\{byte:03}")),
            }
        }
        text.push('.');
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}

impl Answer {
    /// Reads a message.
    pub(super) fn parse(message: &[u8]) -> Result<Self, String> {
        let broken = |error: &dyn std::fmt::Display| format!("bad answer: {error}");
        let parsed = Parsed::from_octets(message).map_err(|error| broken(&error))?;
        let mut records = Vec::new();
        // Some servers send the head alone and leave its counts as they were.
        if message.len() > HEAD_BYTES {
            for record in parsed.answer().map_err(|error| broken(&error))? {
                let record = record.map_err(|error| broken(&error))?;
                records.push(Record::read(&record).map_err(|error| broken(&error))?);
            }
        }
        let header = parsed.header();
        Ok(Self {
            id: header.id(),
            code: parsed.opt_rcode(),
            is_truncated: header.tc(),
            records,
        })
    }

    /// Whether the name is known, with records of the type or without.
    pub(super) fn is_success(&self) -> bool {
        self.code == OptRcode::NOERROR
    }

    /// Whether the server knows that there is no such name.
    pub(super) fn is_no_such_name(&self) -> bool {
        self.code == OptRcode::NXDOMAIN
    }
}

impl Record {
    fn read(record: &ParsedRecord<'_, &[u8]>) -> Result<Self, domain::base::wire::ParseError> {
        type Names<'m> = ParsedName<&'m [u8]>;
        let kind = record.rtype();
        // Of a type that is read below, the record is there or the message is broken.
        macro_rules! data {
            ($form:ty) => {
                match record.to_record::<$form>()? {
                    Some(record) => record.into_data(),
                    None => return Ok(Self::Other(kind.to_string())),
                }
            };
        }
        Ok(match kind {
            Rtype::A => Self::Address(data!(A).addr().into()),
            Rtype::AAAA => Self::Address(data!(Aaaa).addr().into()),
            Rtype::SRV => {
                let srv = data!(Srv<Names<'_>>);
                Self::Srv {
                    target: written(srv.target()),
                    port: srv.port(),
                }
            }
            Rtype::MX => Self::Mx(written(data!(Mx<Names<'_>>).exchange())),
            Rtype::NS => Self::Ns(written(data!(Ns<Names<'_>>).nsdname())),
            Rtype::CNAME => {
                data!(Cname<Names<'_>>);
                Self::Alias
            }
            other => Self::Other(other.to_string()),
        })
    }
}

#[cfg(test)]
mod tests;
