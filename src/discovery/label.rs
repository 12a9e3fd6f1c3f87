//! Making labels of what an API says: names, addresses.

/// A key as a part of a label's name: whatever is no ASCII letter, digit or underscore becomes an underscore.
pub(super) fn sanitized(key: &str) -> String {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    key.chars().map(|c| if valid(c) { c } else { '_' }).collect()
}

/// `host:port`, with brackets around what has colons.
pub(super) fn host_port(host: &str, port: impl std::fmt::Display) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_letters_digits_and_underscores() {
        assert_eq!(sanitized("com.docker/Ä-1_x"), "com_docker___1_x");
        assert_eq!(sanitized(""), "");
    }

    #[test]
    fn an_ipv6_address_gets_brackets() {
        assert_eq!(host_port("fd00::1", 80), "[fd00::1]:80");
        assert_eq!(host_port("", 80), ":80");
    }
}
