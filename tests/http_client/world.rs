//! What a client may meet: exporters, proxies and givers of tokens on 127.0.0.1, each noting what arrives.
//!
//! A world is one server's alone, so that what arrives is that server's. Everything that arrives is one text a
//! connection or request: the line, then the headers in small letters and sorted. Begin with [`World::start`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A page of a good exporter.
const PAGE: &str = "a 1\n";

/// Everything that was noted, in the order of its arrival.
type Notes = Arc<Mutex<Vec<String>>>;

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

pub(super) struct World {
    notes: Notes,
    /// Name and address, as `{name}` stands for it in configurations.
    pub(super) places: Vec<(&'static str, String)>,
    /// Name and text of the files that configurations name.
    pub(super) files: Vec<(&'static str, String)>,
}

impl World {
    pub(super) fn start() -> Self {
        let notes = Notes::default();
        let keys = Keys::make();
        let mut places = Vec::new();
        let mut open = |name: &'static str, serve: Serve| {
            let address = listen(name, &notes, serve);
            places.push((name, address.clone()));
            address
        };
        open("plain", Box::new(exporter));
        let tls = open("tls", secured(keys.server(&keys.good, None), exporter));
        open("expired", secured(keys.server(&keys.expired, None), exporter));
        open("listed", secured(keys.server(&keys.listed, None), exporter));
        let trusted = Arc::new(keys.roots());
        open(
            "mutual",
            secured(keys.server(&keys.good, Some(trusted)), exporter),
        );
        open(
            "tls12",
            secured(keys.server_of(&[&rustls::version::TLS12]), exporter),
        );
        open(
            "tls13",
            secured(keys.server_of(&[&rustls::version::TLS13]), exporter),
        );
        open("giver", Box::new(giver));
        open("giver_tls", secured(keys.server(&keys.good, None), giver));
        let to = tls.clone();
        open("proxy", Box::new(move |wire, note| proxy(wire, note, &to)));
        let to = tls.clone();
        let through_tls = move |wire: &mut dyn Wire, note: &mut Note<'_>| proxy(wire, note, &to);
        open("proxy_tls", secured(keys.server(&keys.good, None), through_tls));
        open("socks", Box::new(move |wire, note| socks(wire, note, &tls)));
        let greet = |wire: &mut dyn Wire, _: &mut Note<'_>| {
            drop(wire.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n"));
        };
        open("talker", Box::new(greet));
        let nobody = TcpListener::bind("127.0.0.1:0")
            .expect("bind")
            .local_addr()
            .expect("an address");
        places.push(("nobody", nobody.to_string()));
        Self {
            notes,
            places,
            files: keys.files(),
        }
    }

    /// Notes about `job`, each once, with places in place of addresses.
    pub(super) fn noted(&self, job: &str) -> Vec<String> {
        let mut noted: Vec<String> = Vec::new();
        for note in self.notes.lock().expect("notes").iter() {
            let note = self.placed(note);
            if mentions(&note, job) && !noted.contains(&note) {
                noted.push(note);
            }
        }
        noted
    }

    /// How often `job` was heard of.
    pub(super) fn times(&self, job: &str) -> usize {
        let notes = self.notes.lock().expect("notes");
        notes.iter().filter(|note| mentions(note, job)).count()
    }

    /// `text` with places in place of addresses, without the time of day and without who was asked for a name.
    pub(super) fn placed(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, address) in &self.places {
            text = text.replace(address, &format!("{{{name}}}"));
        }
        for (before, after) in [("current time ", " is"), (" on ", ": no such host")] {
            if let Some((head, tail)) = text.split_once(before)
                && let Some((_, tail)) = tail.split_once(after)
            {
                text = format!("{head}{after}{tail}");
            }
        }
        text
    }
}

/// Names of jobs end where a word ends.
fn mentions(note: &str, job: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    note.match_indices(job).any(|(at, _)| {
        let before = note[..at].chars().next_back();
        let after = note[at + job.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

type Serve = Box<dyn Fn(&mut dyn Wire, &mut Note<'_>) + Send + Sync>;

/// Notes what arrives at a place.
struct Note<'n> {
    place: &'static str,
    /// The name that TLS was begun with.
    name: String,
    notes: &'n Notes,
}

impl Note<'_> {
    fn add(&self, text: &str) {
        let mut notes = self.notes.lock().expect("notes");
        notes.push(format!("{}{}: {text}", self.place, self.name));
    }
}

fn listen(place: &'static str, notes: &Notes, serve: Serve) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = socket.local_addr().expect("an address").to_string();
    let (serve, notes) = (Arc::new(serve), Arc::clone(notes));
    std::thread::spawn(move || {
        for mut wire in socket.incoming().map_while(Result::ok) {
            let (serve, notes) = (Arc::clone(&serve), Arc::clone(&notes));
            std::thread::spawn(move || {
                let mut note = Note {
                    place,
                    name: String::new(),
                    notes: &notes,
                };
                serve(&mut wire, &mut note);
            });
        }
    });
    address
}

fn secured(
    config: ServerConfig,
    serve: impl Fn(&mut dyn Wire, &mut Note<'_>) + Send + Sync + 'static,
) -> Serve {
    let config = Arc::new(config);
    Box::new(move |wire, note| {
        let Ok(connection) = ServerConnection::new(Arc::clone(&config)) else {
            return;
        };
        let mut stream = StreamOwned::new(connection, wire);
        // Finishes the handshake, so that the name is known.
        if stream.conn.complete_io(&mut stream.sock).is_err() {
            drop(stream.sock.flush());
            return;
        }
        if let Some(name) = stream.conn.server_name() {
            note.name = format!(" as {name}");
        }
        serve(&mut stream, note);
    })
}

/// The head of a request.
struct Head {
    line: String,
    headers: Vec<(String, String)>,
}

impl Head {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or("")
    }

    /// What of it must be the same for both servers: not our versions, nor what a scrape accepts.
    fn text(&self) -> String {
        let mut lines: Vec<String> = self
            .headers
            .iter()
            .filter(|(name, _)| name != "accept")
            .map(
                |(name, value)| match (name.as_str(), value.starts_with("Prometheus/")) {
                    ("user-agent", true) => "user-agent: Prometheus".to_owned(),
                    _ => format!("{name}: {value}"),
                },
            )
            .collect();
        lines.sort();
        format!("{} | {}", self.line, lines.join(" | "))
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<Head> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut head = Head {
        line: line.trim_end().to_owned(),
        headers: Vec::new(),
    };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => head
                .headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => return Some(head),
        }
    }
}

/// Reads and writes one wire, reading ahead.
struct Both<'w>(&'w mut dyn Wire);

impl Read for Both<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(bytes)
    }
}

fn answer(wire: &mut dyn Wire, status: &str, headers: &str, body: &str) -> bool {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    wire.write_all(text.as_bytes())
        .and_then(|()| wire.flush())
        .is_ok()
}

/// What happens is the first part of the path, the job the second.
fn exporter(wire: &mut dyn Wire, note: &mut Note<'_>) {
    let mut served = 0;
    let mut reader = BufReader::new(Both(wire));
    while let Some(head) = read_head(&mut reader) {
        note.add(&head.text());
        let wire = &mut *reader.get_mut().0;
        let text = "Content-Type: text/plain\r\n";
        let what = head.path().split('/').nth(1).unwrap_or("");
        let goes_on = match what {
            "ok" => answer(wire, "200 OK", text, PAGE),
            "right" if head.header("authorization") == "Bearer right" => answer(wire, "200 OK", text, PAGE),
            "right" => answer(wire, "401 Unauthorized", text, "no"),
            "fails" => answer(wire, "500 Internal Server Error", text, "no"),
            "words" => answer(wire, "418 I am a teapot", text, "no"),
            "moved" => {
                let to = head.path().replacen("/moved", "/ok", 1);
                answer(wire, "302 Found", &format!("Location: {to}\r\n"), "")
            }
            "circle" => answer(wire, "302 Found", &format!("Location: {}\r\n", head.path()), ""),
            "moved-nowhere" => answer(wire, "302 Found", "Location: ftp://x/\r\n", ""),
            "moved-badly" => answer(wire, "302 Found", "Location: http://[\r\n", ""),
            "hangs" => {
                drop(wire.read(&mut [0; 1]));
                false
            }
            "cut" => {
                drop(wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\n"));
                false
            }
            "cut-chunk" => {
                drop(wire.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\na 1\n"));
                false
            }
            "silent" => false,
            "greets" => {
                drop(wire.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"));
                false
            }
            "endless" => {
                drop(wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"));
                while wire.write_all(PAGE.repeat(1000).as_bytes()).is_ok() {}
                false
            }
            // A second request on the same connection finds it closing.
            "once" => served == 0 && answer(wire, "200 OK", text, PAGE),
            _ => answer(wire, "404 Not Found", text, "no"),
        };
        served += 1;
        if !goes_on {
            return;
        }
    }
}

/// Gives tokens; what happens is the first part of the path.
fn giver(wire: &mut dyn Wire, note: &mut Note<'_>) {
    let mut reader = BufReader::new(Both(wire));
    while let Some(head) = read_head(&mut reader) {
        let mut body = vec![0; head.header("content-length").parse().unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        note.add(&format!("{} | {body}", head.text()));
        let wire = &mut *reader.get_mut().0;
        let json = "Content-Type: application/json\r\n";
        let form = "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n";
        let token = r#"{"access_token": "right", "token_type": "bearer", "expires_in": 3600}"#;
        let goes_on = match head.path().split('/').nth(1).unwrap_or("") {
            "gives" => answer(wire, "200 OK", json, token),
            "in-body" if body.contains("client_secret=") => answer(wire, "200 OK", json, token),
            "in-body" => answer(wire, "401 Unauthorized", json, "{}"),
            "as-form" => answer(wire, "200 OK", form, "access_token=right&expires_in=3600"),
            "as-text" => answer(
                wire,
                "200 OK",
                json,
                r#"{"access_token": "right", "expires_in": "3600"}"#,
            ),
            "other-type" => answer(
                wire,
                "200 OK",
                json,
                r#"{"access_token": "right", "token_type": "Custom"}"#,
            ),
            "short" => answer(
                wire,
                "200 OK",
                json,
                r#"{"access_token": "right", "expires_in": 5}"#,
            ),
            "wrong" => answer(wire, "200 OK", json, r#"{"access_token": "wrong"}"#),
            "refuses" => answer(
                wire,
                "400 Bad Request",
                json,
                r#"{"error": "invalid_client", "error_description": "who?", "error_uri": "http://x"}"#,
            ),
            "refuses-politely" => answer(wire, "200 OK", json, r#"{"error": "slow_down"}"#),
            "fails" => answer(wire, "500 Internal Server Error", json, "oh no"),
            "page" => answer(wire, "200 OK", "Content-Type: text/html\r\n", "<html>"),
            "nothing" => answer(wire, "200 OK", json, ""),
            "no-token" => answer(wire, "200 OK", json, "{}"),
            "moved" => {
                let to = head.path().replacen("/moved", "/gives", 1);
                answer(wire, "307 Temporary Redirect", &format!("Location: {to}\r\n"), "")
            }
            _ => answer(wire, "404 Not Found", json, "no"),
        };
        if !goes_on {
            return;
        }
    }
}

/// A proxy that answers for everybody, and whose tunnels all lead to `tls`. Hosts that begin with `refused`
/// are refused.
fn proxy(wire: &mut dyn Wire, note: &mut Note<'_>, tls: &str) {
    let mut reader = BufReader::new(Both(wire));
    while let Some(head) = read_head(&mut reader) {
        note.add(&head.text());
        let wire = &mut *reader.get_mut().0;
        if !head.line.starts_with("CONNECT ") {
            let refuses = head.path().contains("refused");
            let (status, body) = if refuses {
                ("502 Bad Gateway", "no")
            } else {
                ("200 OK", PAGE)
            };
            if !answer(wire, status, "Content-Type: text/plain\r\n", body) {
                return;
            }
            continue;
        }
        match head.path().split('-').next().unwrap_or("") {
            "refused" => {
                drop(wire.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"));
            }
            "silenced" => {}
            "greeted" => drop(wire.write_all(b"HELLO\r\n\r\n")),
            _ => {
                drop(wire.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n"));
                drop(wire.flush());
                pass_on(wire, tls);
            }
        }
        return;
    }
}

/// Turn by turn, which is how one request after the other goes.
fn pass_on(wire: &mut dyn Wire, to: &str) {
    let Ok(mut far) = TcpStream::connect(to) else {
        return;
    };
    let pause = std::time::Duration::from_millis(60);
    drop(far.set_read_timeout(Some(pause)));
    let mut piece = [0; 16384];
    loop {
        match wire.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(length) => drop(far.write_all(&piece[..length])),
        }
        loop {
            match far.read(&mut piece) {
                Ok(0) => return,
                Ok(length) => drop(wire.write_all(&piece[..length]).and_then(|()| wire.flush())),
                Err(_) => break,
            }
        }
    }
}

/// SOCKS5 with the user `user` and the password `right`, or none. Port 443 leads to `tls`; a proxy of its own
/// answers the rest.
fn socks(wire: &mut dyn Wire, note: &mut Note<'_>, tls: &str) {
    drop(serve_socks(wire, note, tls));
}

fn serve_socks(wire: &mut dyn Wire, note: &mut Note<'_>, tls: &str) -> std::io::Result<()> {
    let mut two = [0; 2];
    wire.read_exact(&mut two)?;
    let mut methods = vec![0; usize::from(two[1])];
    wire.read_exact(&mut methods)?;
    let mut said = format!("methods {methods:?}");
    if methods.contains(&2) {
        wire.write_all(&[5, 2])?;
        let mut piece = [0; 512];
        let length = wire.read(&mut piece)?;
        let words = String::from_utf8_lossy(&piece[1..length]).into_owned();
        let is_right = words.ends_with("right");
        said.push_str(&format!(" user {words:?}"));
        wire.write_all(&[1, u8::from(!is_right)])?;
    } else {
        wire.write_all(&[5, 0])?;
    }
    let mut piece = [0; 512];
    let length = wire.read(&mut piece)?;
    let request = &piece[..length];
    let host = match request.get(3) {
        Some(3) => String::from_utf8_lossy(&request[5..length - 2]).into_owned(),
        _ => format!("{:?}", &request[4.min(length)..length.saturating_sub(2)]),
    };
    let port = request.last_chunk().map_or(0, |bytes| u16::from_be_bytes(*bytes));
    note.add(&format!("{said} host {host} port {port}"));
    if host.starts_with("refused") {
        return wire.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
    }
    wire.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80])?;
    wire.flush()?;
    match port {
        443 => pass_on(wire, tls),
        _ => exporter(wire, note),
    }
    Ok(())
}

/// Certificates and their keys.
struct Keys {
    ca: String,
    ca_der: CertificateDer<'static>,
    good: Pair,
    expired: Pair,
    /// For itself: an authority that serves, as `openssl req -x509` makes it.
    listed: Pair,
    client: Pair,
}

struct Pair {
    cert: String,
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Keys {
    fn make() -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "the authority");
        let ca_cert = ca.self_signed(&ca_key).expect("an authority");
        let issuer = Issuer::new(ca, ca_key);
        let signed = |change: &dyn Fn(&mut CertificateParams)| {
            let names = ["metrics.example", "*.test", "127.0.0.1"];
            let mut params = CertificateParams::new(names.map(str::to_owned)).expect("parameters");
            change(&mut params);
            let key = KeyPair::generate().expect("a key");
            let cert = params.signed_by(&key, &issuer).expect("a certificate");
            Pair {
                cert: cert.pem(),
                der: cert.der().clone(),
                key,
            }
        };
        let listed_key = KeyPair::generate().expect("a key");
        let mut listed = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        listed.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        listed.distinguished_name.push(DnType::CommonName, "myself");
        let listed_cert = listed.self_signed(&listed_key).expect("a certificate");
        Self {
            ca: ca_cert.pem(),
            ca_der: ca_cert.der().clone(),
            good: signed(&|_| {}),
            expired: signed(&|params| {
                params.not_before = rcgen::date_time_ymd(2019, 1, 1);
                params.not_after = rcgen::date_time_ymd(2020, 1, 1);
            }),
            client: signed(&|_| {}),
            listed: Pair {
                cert: listed_cert.pem(),
                der: listed_cert.der().clone(),
                key: listed_key,
            },
        }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca_der.clone()).expect("a root");
        roots
    }

    fn server(&self, pair: &Pair, clients: Option<Arc<RootCertStore>>) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            Some(roots) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
            None => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::try_from(pair.key.serialize_der()).expect("a key");
        builder
            .with_single_cert(vec![pair.der.clone()], key)
            .expect("a server")
    }

    fn server_of(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions");
        let key = PrivateKeyDer::try_from(self.good.key.serialize_der()).expect("a key");
        let chain = vec![self.good.der.clone()];
        builder
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a server")
    }

    fn files(&self) -> Vec<(&'static str, String)> {
        let other = KeyPair::generate().expect("a key");
        let mut listed = CertificateParams::new(Vec::new()).expect("parameters");
        listed.distinguished_name.push(DnType::CommonName, "a stranger");
        vec![
            ("ca.pem", self.ca.clone()),
            ("listed.pem", self.listed.cert.clone()),
            (
                "stranger.pem",
                listed.self_signed(&other).expect("a certificate").pem(),
            ),
            ("client.pem", self.client.cert.clone()),
            ("client.key", self.client.key.serialize_pem()),
            ("other.key", other.serialize_pem()),
            ("empty", String::new()),
            ("user", " user\n".to_owned()),
            ("token", "right\n".to_owned()),
            ("secret", "hunter2\n".to_owned()),
        ]
    }
}
