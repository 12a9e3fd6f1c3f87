//! `/etc/resolv.conf`: which servers there are, and under which names one is looked for.
//!
//! As in Prometheus' library, `timeout`, `attempts` and `rotate` change nothing: each server is asked once and has
//! two seconds.

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResolvConf {
    /// In the order of asking.
    pub(super) servers: Vec<String>,
    search: Vec<String>,
    /// A name with as many dots is looked for as it is first.
    ndots: usize,
}

/// The most dots that `ndots` may ask for.
const NDOTS_MAX: i64 = 15;

impl ResolvConf {
    /// Reads the file's text; what is not known is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut conf = Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
        };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().map(str::to_owned)),
                Some("domain") => conf.search = words.next().map(str::to_owned).into_iter().collect(),
                Some("search") => conf.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    for option in words.filter_map(|word| word.strip_prefix("ndots:")) {
                        let ndots = option.parse().unwrap_or(0).clamp(0, NDOTS_MAX);
                        conf.ndots = usize::try_from(ndots).unwrap_or(0);
                    }
                }
                _ => {}
            }
        }
        conf
    }

    /// The names to ask for in place of `name`, in order, each with a dot at its end.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        if is_rooted(name) {
            return vec![name.to_owned()];
        }
        let rooted = format!("{name}.");
        let below = |domain: &String| match is_rooted(domain) {
            true => format!("{rooted}{domain}"),
            false => format!("{rooted}{domain}."),
        };
        let mut names: Vec<String> = self.search.iter().map(below).collect();
        let at = match dots(name) >= self.ndots {
            true => 0,
            false => names.len(),
        };
        names.insert(at, rooted);
        names
    }
}

/// How many dots divide `name` into labels.
fn dots(name: &str) -> usize {
    name.match_indices('.')
        .filter(|(at, _)| !is_escaped(name, *at))
        .count()
}

fn is_rooted(name: &str) -> bool {
    name.ends_with('.') && !is_escaped(name, name.len() - 1)
}

/// Whether an odd number of backslashes stands before `at`.
fn is_escaped(name: &str, at: usize) -> bool {
    let before = &name[..at];
    let slashes = before.len() - before.trim_end_matches('\\').len();
    slashes % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_search_and_ndots_are_read_and_the_rest_is_passed_over() {
        let conf = ResolvConf::parse(
            "# a comment\nnameserver 10.0.0.1 x\n;nameserver 9.9.9.9\ndomain a.example\n\
             nameserver\tfd00::1\nsearch b.example c.example\nsortlist x\noptions rotate ndots:3 timeout:1\n",
        );
        assert_eq!(conf.servers, ["10.0.0.1", "fd00::1"]);
        assert_eq!(conf.search, ["b.example", "c.example"]);
        assert_eq!(conf.ndots, 3);
        assert_eq!(ResolvConf::parse("search a b\ndomain c").search, ["c"]);
        assert_eq!(ResolvConf::parse("search a b\ndomain").search, [""; 0]);
        for (written, ndots) in [("-1", 0), ("x", 0), ("99", 15), ("2", 2)] {
            assert_eq!(
                ResolvConf::parse(&format!("options ndots:{written}")).ndots,
                ndots
            );
        }
    }

    #[track_caller]
    fn check_names(conf: &str, name: &str, names: &[&str]) {
        assert_eq!(ResolvConf::parse(conf).names(name), names, "{conf} {name}");
    }

    #[test]
    fn a_name_with_enough_dots_is_looked_for_as_it_is_first() {
        let conf = "search x.example y.example.\noptions ndots:2";
        check_names(conf, "a", &["a.x.example.", "a.y.example.", "a."]);
        check_names(conf, "a.b", &["a.b.x.example.", "a.b.y.example.", "a.b."]);
        check_names(conf, "a.b.c", &["a.b.c.", "a.b.c.x.example.", "a.b.c.y.example."]);
        check_names(conf, "a.", &["a."]);
        check_names("", "a", &["a."]);
        check_names("search x", r"a\.", &[r"a\..x.", r"a\.."]);
        check_names("search x", r"a\\.", &[r"a\\."]);
    }
}
