//! A server process on a free port: ours, or a peer with the same command line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::Value;

use super::http::{self, Answer};
use super::{free_port, wait_for};

/// Our server.
pub(crate) fn deucalion() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_deucalion"))
}

/// Our promtool.
pub(crate) fn promtool() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_promtool"))
}

/// A running server. Dropping kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) port: u16,
    log: PathBuf,
    authorization: Option<String>,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    binary: PathBuf,
    dir: PathBuf,
    port: u16,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    /// Sent with each request of the test, if the server asks for a password.
    authorization: Option<String>,
}

impl Start {
    /// `binary` in `dir`, which holds `prometheus.yml` and gets `data/` and a log.
    pub(crate) fn new(binary: &Path, dir: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            dir: dir.to_owned(),
            port: free_port(),
            args: Vec::new(),
            variables: Vec::new(),
            authorization: None,
        }
    }

    /// The port it will listen on.
    pub(crate) fn address_port(&self) -> u16 {
        self.port
    }

    /// Adds a flag.
    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Sets a variable of the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Asks with this user and password.
    pub(crate) fn user(mut self, name: &str, password: &str) -> Self {
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        self.authorization = Some(format!("Basic {encoded}"));
        self
    }

    /// Uses this port.
    pub(crate) fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts the process and does not wait.
    #[track_caller]
    pub(crate) fn spawn(&self) -> Server {
        let log = self.dir.join(format!("server-{}.log", self.port));
        let out = fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("open the log");
        let child = Command::new(&self.binary)
            .current_dir(&self.dir)
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .args(&self.args)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("share the log"))
            .stderr(out)
            .spawn()
            .unwrap_or_else(|e| panic!("start {}: {e}", self.binary.display()));
        Server {
            child,
            url: format!("http://127.0.0.1:{}", self.port),
            port: self.port,
            log,
            authorization: self.authorization.clone(),
        }
    }

    /// Starts the process and waits until it is ready.
    #[track_caller]
    pub(crate) fn ready(&self) -> Server {
        let mut server = self.spawn();
        server.wait_ready();
        server
    }
}

impl Server {
    /// Waits until `/-/ready` says yes.
    #[track_caller]
    pub(crate) fn wait_ready(&mut self) {
        let url = format!("{}/-/ready", self.url);
        wait_for("the server to be ready", 30, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            self.ask(&url).ok().filter(|answer| answer.status == 200)
        });
    }

    fn ask(&self, url: &str) -> Result<Answer, String> {
        let headers: Vec<(&str, &str)> = self
            .authorization
            .iter()
            .map(|value| ("authorization", value.as_str()))
            .collect();
        http::request("GET", url, &headers, None)
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// GET of a path with parameters.
    #[track_caller]
    pub(crate) fn get(&self, path: &str, params: &[(&str, &str)]) -> Answer {
        let url = match params {
            [] => format!("{}{path}", self.url),
            params => format!("{}{path}?{}", self.url, http::encode(params)),
        };
        self.ask(&url)
            .unwrap_or_else(|e| panic!("GET {url}: {e}\n{}", self.log()))
    }

    /// `data` of an instant query's answer.
    #[track_caller]
    pub(crate) fn query(&self, query: &str, at_s: &str) -> Value {
        let mut params = vec![("query", query)];
        if !at_s.is_empty() {
            params.push(("time", at_s));
        }
        let answer = self.get("/api/v1/query", &params);
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.json()["data"].clone()
    }

    /// kill -9 without a process between; the process remains to be waited for.
    pub(crate) fn kill_now(&self) {
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let pid = pid.expect("a process id is a positive number");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("kill the server");
    }

    /// kill -9
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// kill -9, while its log can still be read.
    pub(crate) fn end(&mut self) {
        self.child.kill().expect("kill the server");
        self.child.wait().expect("wait for the killed server");
    }

    /// An orderly stop; its exit code.
    #[track_caller]
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        let code = wait_for("the server to stop", 60, || {
            self.child.try_wait().expect("wait for the server")
        });
        code.code()
    }

    /// Waits for a process that ends by itself; its exit code.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Option<i32> {
        let code = wait_for("the server to end", 60, || {
            self.child.try_wait().expect("wait for the server")
        });
        code.code()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status();
        assert!(status.expect("run kill").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended by itself.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}
