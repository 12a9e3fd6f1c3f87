//! Following a list through everything that can happen to it, in no time.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::discovery::kubernetes::object::{Key, Meta, Object, Plain};
use crate::discovery::kubernetes::resource::Page;

/// An answer that a script has prepared.
enum Answer {
    Page(Result<Page, ApiError>),
    /// A stream: its changes, and how it ends.
    Changes(Vec<Change>, Ending),
    /// No stream.
    Refused(ApiError),
}

enum Ending {
    Orderly,
    After(Duration),
    Broken,
    Never,
}

/// Gives prepared answers, one after the other, and then never any; keeps what was asked and when.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<(String, Instant)>>>,
}

struct Played(VecDeque<Change>, Ending);

impl Changes for Played {
    async fn next(&mut self) -> Result<Option<Change>, ApiError> {
        if let Some(change) = self.0.pop_front() {
            return Ok(Some(change));
        }
        match self.1 {
            Ending::Orderly => Ok(None),
            Ending::After(lasting) => {
                sleep(lasting).await;
                Ok(None)
            }
            Ending::Broken => Err(ApiError::new("unexpected EOF")),
            Ending::Never => std::future::pending().await,
        }
    }
}

impl Script {
    fn new(answers: Vec<Answer>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into())),
            asked: Arc::default(),
        }
    }

    async fn answer(&self, asked: String) -> Answer {
        self.asked.lock().push((asked, Instant::now()));
        let answer = self.answers.lock().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().iter().map(|(asked, _)| asked.clone()).collect()
    }

    /// The times between one request and the next.
    fn waits(&self) -> Vec<Duration> {
        let asked = self.asked.lock();
        asked.windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
    }
}

impl Feed for Script {
    type Changes = Played;

    async fn page(&self, next: &str, is_limited: bool) -> Result<Page, ApiError> {
        let limit = if is_limited { "" } else { " unlimited" };
        match self.answer(format!("list {next}{limit}")).await {
            Answer::Page(page) => page,
            _ => panic!("a list was asked for"),
        }
    }

    async fn changes(&self, version: &str, lasting: Duration) -> Result<Played, ApiError> {
        assert!((LASTING..=LASTING * 2).contains(&lasting), "{lasting:?}");
        match self.answer(format!("watch {version}")).await {
            Answer::Changes(changes, ending) => Ok(Played(changes.into(), ending)),
            Answer::Refused(error) => Err(error),
            Answer::Page(_) => panic!("changes were asked for"),
        }
    }
}

fn object(name: &str, version: &str) -> Object {
    let metadata = Meta {
        name: name.to_owned(),
        resource_version: version.to_owned(),
        ..Meta::default()
    };
    Object::Plain(Box::new(Plain { metadata }))
}

fn page(names: &[&str], version: &str, next: &str) -> Answer {
    Answer::Page(Ok(Page {
        objects: names.iter().map(|name| object(name, "1")).collect(),
        version: version.to_owned(),
        next: next.to_owned(),
    }))
}

fn failed(text: &str) -> ApiError {
    ApiError::new(text)
}

fn expired() -> ApiError {
    ApiError {
        is_expired: true,
        ..ApiError::new("too old")
    }
}

/// Plays a script for some hours; what was told, one word each, and how many failures were counted.
async fn play(script: &Script) -> (Vec<String>, f64) {
    let (news, mut heard) = mpsc::channel(1000);
    let failures = Counter::default();
    let follow = Follow::new(script.clone(), 0, news, "things".to_owned(), failures.clone());
    let run = tokio::time::timeout(Duration::from_secs(3 * 3600), follow.run());
    assert!(run.await.is_err(), "it follows for ever");
    let mut told = Vec::new();
    while let Some((_, news)) = heard.recv().await {
        let names = |objects: &[Object]| {
            let names: Vec<&str> = objects.iter().map(|object| object.meta().name.as_str()).collect();
            names.join("+")
        };
        told.push(match news {
            News::ListBegins => "begin".to_owned(),
            News::Listed(objects) => names(&objects),
            News::ListEnds => "end".to_owned(),
            News::Changed(object) => names(&[object]),
            News::Gone(key) => format!("-{key}"),
        });
    }
    (told, failures.get())
}

#[tokio::test(start_paused = true)]
async fn a_list_comes_in_pages_and_its_changes_are_asked_for_from_its_version() {
    let script = Script::new(vec![
        page(&["a", "b"], "7", "more"),
        page(&["c"], "7", ""),
        Answer::Changes(
            vec![
                Change::Changed(object("d", "8")),
                Change::Gone(Key::new("", "a"), "9".to_owned()),
                Change::Bookmark("20".to_owned()),
            ],
            Ending::After(LASTING),
        ),
    ]);
    let (told, failures) = play(&script).await;
    assert_eq!(told, ["begin", "a+b", "c", "end", "d", "-a"]);
    assert_eq!(script.asked(), ["list ", "list more", "watch 7", "watch 20"]);
    assert_eq!(failures, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_broken_stream_goes_on_from_the_last_version_without_a_list() {
    let script = Script::new(vec![
        page(&[], "7", ""),
        Answer::Changes(vec![Change::Changed(object("a", "8"))], Ending::Broken),
        Answer::Changes(vec![], Ending::Never),
    ]);
    let (_, failures) = play(&script).await;
    assert_eq!(script.asked(), ["list ", "watch 7", "watch 8"]);
    assert_eq!(failures, 1.0);
}

#[tokio::test(start_paused = true)]
async fn an_expired_version_brings_a_list_after_a_wait_and_is_no_failure() {
    for gone in [
        Answer::Refused(expired()),
        Answer::Changes(vec![Change::Failed(expired())], Ending::Never),
    ] {
        let script = Script::new(vec![page(&["a"], "7", ""), gone, page(&["b"], "9", "")]);
        let (told, failures) = play(&script).await;
        assert_eq!(told, ["begin", "a", "end", "begin", "b", "end"]);
        assert_eq!(script.asked(), ["list ", "watch 7", "list ", "watch 9"]);
        assert_eq!(failures, 0.0);
        assert!(script.waits()[1] >= WAIT.0 / 2, "{:?}", script.waits());
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_expires_between_pages_is_asked_for_at_once_and_whole() {
    let script = Script::new(vec![
        page(&["a"], "7", "more"),
        Answer::Page(Err(expired())),
        page(&["a", "b"], "9", ""),
    ]);
    let (told, failures) = play(&script).await;
    assert_eq!(told, ["begin", "a", "begin", "a+b", "end"]);
    assert_eq!(
        script.asked(),
        ["list ", "list more", "list  unlimited", "watch 9"]
    );
    assert_eq!(failures, 0.0);
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_and_waits_grow_to_half_a_minute() {
    let mut answers: Vec<Answer> = (0..20).map(|_| Answer::Page(Err(failed("refused")))).collect();
    answers.push(page(&["a"], "7", ""));
    let script = Script::new(answers);
    let (told, failures) = play(&script).await;
    assert_eq!(told, ["begin", "a", "end"]);
    assert_eq!(failures, 20.0);
    let waits = script.waits();
    assert!(waits[0] <= WAIT.0 * 3 / 2, "{waits:?}");
    assert!(
        waits[19] >= WAIT.1 / 2 && waits[19] <= WAIT.1 * 3 / 2,
        "{waits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn good_news_make_waits_short_again() {
    let refused = || Answer::Refused(failed("refused"));
    let mut answers = vec![page(&[], "7", "")];
    answers.extend((0..12).map(|_| refused()));
    answers.push(Answer::Changes(
        vec![Change::Bookmark("8".to_owned())],
        Ending::Broken,
    ));
    answers.push(refused());
    let script = Script::new(answers);
    play(&script).await;
    let waits = script.waits();
    assert!(waits[12] > Duration::from_secs(10), "{waits:?}");
    assert!(waits[14] <= WAIT.0 * 3, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_at_once_is_a_failure_and_one_that_ends_later_is_not() {
    let script = Script::new(vec![
        page(&[], "7", ""),
        Answer::Changes(vec![], Ending::Orderly),
        Answer::Changes(vec![], Ending::After(LASTING)),
    ]);
    let (_, failures) = play(&script).await;
    assert_eq!(script.asked(), ["list ", "watch 7", "watch 7", "watch 7"]);
    assert_eq!(failures, 1.0);
    let waits = script.waits();
    assert!(waits[1] >= WAIT.0 / 2, "{waits:?}");
    assert_eq!(waits[2], LASTING);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_cannot_go_on_is_a_failure_and_brings_a_list() {
    let script = Script::new(vec![
        page(&[], "7", ""),
        Answer::Changes(vec![Change::Failed(failed("etcd is gone"))], Ending::Never),
        page(&["a"], "8", ""),
    ]);
    let (told, failures) = play(&script).await;
    assert_eq!(told, ["begin", "", "end", "begin", "a", "end"]);
    assert_eq!(failures, 1.0);
}

#[tokio::test(start_paused = true)]
async fn the_api_is_left_alone_for_as_long_as_it_asks() {
    let busy = ApiError {
        retry_after: Some(Duration::from_secs(120)),
        ..failed("429")
    };
    let script = Script::new(vec![Answer::Page(Err(busy)), page(&[], "7", "")]);
    play(&script).await;
    assert_eq!(script.waits()[0], Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn following_ends_when_nobody_listens() {
    let script = Script::new(vec![page(&["a"], "7", "")]);
    let (news, heard) = mpsc::channel(1);
    drop(heard);
    let follow = Follow::new(script, 0, news, "things".to_owned(), Counter::default());
    follow.run().await;
}
