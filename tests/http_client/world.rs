//! What a client may meet: exporters, proxies and givers of tokens on 127.0.0.1, each noting what arrives.
//!
//! A world is one server's alone, so that what arrives is that server's. Everything that arrives is one text a
//! connection or request: the line, then the headers in small letters and sorted. Begin with [`World::start`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::keys::Keys;
use super::proxies::{proxy, socks};

/// A page of a good exporter.
pub(super) const PAGE: &str = "a 1\n";

/// Everything that was noted, in the order of its arrival.
type Notes = Arc<Mutex<Vec<String>>>;

pub(super) trait Wire: Read + Write + Send {}
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
pub(super) struct Note<'n> {
    place: &'static str,
    /// The name that TLS was begun with.
    name: String,
    notes: &'n Notes,
}

impl Note<'_> {
    pub(super) fn add(&self, text: &str) {
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
pub(super) struct Head {
    pub(super) line: String,
    headers: Vec<(String, String)>,
}

impl Head {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or("")
    }

    /// What of it must be the same for both servers: not our versions, nor what a scrape accepts.
    pub(super) fn text(&self) -> String {
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

pub(super) fn read_head(reader: &mut impl BufRead) -> Option<Head> {
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
pub(super) struct Both<'w>(pub(super) &'w mut dyn Wire);

impl Read for Both<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(bytes)
    }
}

pub(super) fn answer(wire: &mut dyn Wire, status: &str, headers: &str, body: &str) -> bool {
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
    wire.write_all(text.as_bytes())
        .and_then(|()| wire.flush())
        .is_ok()
}

/// What happens is the first part of the path, the job the second.
pub(super) fn exporter(wire: &mut dyn Wire, note: &mut Note<'_>) {
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
