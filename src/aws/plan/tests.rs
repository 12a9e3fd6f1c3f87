//! Which source is chosen, and what is said of those that are not.

use super::super::testing::Clock;
use super::*;

/// Variables, with files of profiles in a folder of their own.
struct World {
    dir: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl World {
    fn new(credentials: &str, config: &str, variables: &[(&'static str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_string_lossy().into_owned()
        };
        let mut all = vec![
            ("AWS_SHARED_CREDENTIALS_FILE", file("credentials", credentials)),
            ("AWS_CONFIG_FILE", file("config", config)),
        ];
        all.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Self { dir, variables: all }
    }

    fn decide(&self, settings: &Settings) -> Result<Plan, AwsError> {
        let variables: Vec<_> = self.variables.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Plan::decide(settings, &Clock::new().environment(&variables))
    }

    /// The plan in a line: `keys of KEY → role → role in region`.
    #[track_caller]
    fn check(&self, settings: &Settings, expected: &str) {
        let text = match self.decide(settings) {
            Err(error) => error.to_string(),
            Ok(plan) => {
                let source = match plan.source {
                    Source::Fixed(keys) => format!("keys {}", keys.access_key),
                    Source::WebIdentity { token_file, role } => {
                        format!("token {} for {}", token_file.display(), role.arn)
                    }
                    Source::Container(_) => "container".to_owned(),
                    Source::Imds => "instance".to_owned(),
                };
                let roles = plan.roles.iter().map(|role| match role.external_id.as_str() {
                    "" => format!(" → {}", role.arn),
                    id => format!(" → {} ({id})", role.arn),
                });
                format!("{source}{} in {:?}", roles.collect::<String>(), plan.region)
            }
        };
        let place = self.dir.path().to_string_lossy().into_owned();
        assert_eq!(text.replace(&place, "DIR"), expected);
    }
}

fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings);
    settings
}

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "env"),
    ("AWS_SECRET_ACCESS_KEY", "hunter2"),
    ("AWS_REGION", "env-region"),
];

#[test]
fn configured_keys_go_before_everything_and_half_a_pair_counts_for_nothing() {
    let world = World::new(
        "[default]\naws_access_key_id=file\naws_secret_access_key=x\n",
        "",
        &KEYS,
    );
    let configured = settings(|s| {
        s.access_key = "configured".into();
        s.secret_key = Secret::new("hunter2");
        s.region = "here".into();
    });
    world.check(&configured, "keys configured in \"here\"");
    world.check(
        &settings(|s| s.access_key = "alone".into()),
        "keys env in \"env-region\"",
    );
}

#[test]
fn a_configured_profile_goes_before_the_environment_and_that_before_the_files() {
    let credentials = "[default]\naws_access_key_id=default\naws_secret_access_key=x\n\
                       [p]\naws_access_key_id=p\naws_secret_access_key=x\nregion = of-p\n";
    let p = settings(|s| s.profile = "p".into());
    World::new(credentials, "", &KEYS).check(&p, "keys p in \"env-region\"");
    let world = World::new(credentials, "", &[]);
    world.check(&p, "keys p in \"of-p\"");
    world.check(&Settings::default(), "keys default in \"\"");
    let world = World::new(credentials, "", &[("AWS_PROFILE", "p")]);
    world.check(&Settings::default(), "keys p in \"of-p\"");
}

#[test]
fn a_profile_that_is_named_must_be_there() {
    let expected =
        "failed to get shared config profile, x: there is no profile \"x\" in DIR/credentials or DIR/config";
    World::new("", "", &KEYS).check(&settings(|s| s.profile = "x".into()), expected);
    World::new("", "", &[("AWS_PROFILE", "x")]).check(&Settings::default(), expected);
    World::new("", "", &[("AWS_DEFAULT_PROFILE", "x")]).check(&Settings::default(), "instance in \"\"");
}

#[test]
fn roles_are_taken_from_the_source_on_and_the_configured_one_last() {
    let config = "[profile a]\nrole_arn = arn:a\nexternal_id = id\nsource_profile = b\nregion = r\n\
                  [profile b]\nrole_arn = arn:b\nsource_profile = c\n\
                  [profile c]\naws_access_key_id = c\naws_secret_access_key = x\n\
                  [profile own]\naws_access_key_id = own\naws_secret_access_key = x\nsource_profile = own\nrole_arn = arn:own\n";
    let world = World::new("", config, &[]);
    let a = settings(|s| {
        s.profile = "a".into();
        s.role_arn = "arn:last".into();
        s.external_id = "last-id".into();
    });
    world.check(&a, "keys c → arn:b → arn:a (id) → arn:last (last-id) in \"r\"");
    world.check(
        &settings(|s| s.profile = "own".into()),
        "keys own → arn:own in \"\"",
    );
}

#[test]
fn a_profile_may_name_its_source() {
    let of = |source: &str| format!("[default]\nrole_arn = arn:r\ncredential_source = {source}\n");
    let check = |source: &str, variables: &[(&'static str, &str)], expected: &str| {
        let profile = settings(|s| s.profile = "default".into());
        World::new("", &of(source), variables).check(&profile, expected);
    };
    check("Environment", &KEYS, "keys env → arn:r in \"env-region\"");
    check("Ec2InstanceMetadata", &KEYS, "instance → arn:r in \"env-region\"");
    let container = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
    check("EcsContainer", &container, "container → arn:r in \"\"");
    let missing = "profile \"default\" has credential_source \"Environment\", but AWS_ACCESS_KEY_ID and \
                   AWS_SECRET_ACCESS_KEY are not set";
    check("Environment", &[], missing);
    let wrong = "profile \"default\": credential_source: expected EcsContainer, Ec2InstanceMetadata or \
                 Environment, found \"Moon\"";
    check("Moon", &[], wrong);
}

#[test]
fn a_web_identity_comes_from_the_environment_or_a_profile() {
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ("AWS_ROLE_ARN", "arn:web"),
    ];
    World::new("", "", &variables).check(&Settings::default(), "token /token for arn:web in \"\"");
    let expected = "AWS_WEB_IDENTITY_TOKEN_FILE is set, expected AWS_ROLE_ARN too, found none";
    World::new("", "", &variables[..1]).check(&Settings::default(), expected);
    let config = "[default]\nweb_identity_token_file = /t\nrole_arn = arn:p\n";
    World::new("", config, &[]).check(&Settings::default(), "token /t for arn:p in \"\"");
}

#[test]
fn profiles_that_cannot_be_followed_are_refused() {
    let check =
        |config: &str, expected: &str| World::new("", config, &[]).check(&Settings::default(), expected);
    check(
        "[default]\nsource_profile = b\nrole_arn = x\n[profile b]\nsource_profile = default\nrole_arn = y\n",
        "profile \"default\" is its own source_profile in the end",
    );
    check(
        "[default]\nsource_profile = b\nrole_arn = x\n",
        "there is no profile \"b\" in DIR/credentials or DIR/config",
    );
    check(
        "[default]\ncredential_process = /bin/hunter2\n",
        "profile \"default\": credential_process is not supported by Deucalion yet",
    );
    check(
        "[default]\nrole_arn = x\nsource_profile = b\nmfa_serial = y\n",
        "profile \"default\": mfa_serial is not supported by Deucalion yet",
    );
    check(
        "[default]\nrole_arn = x\n",
        "profile \"default\" has role_arn, expected source_profile, credential_source, \
         web_identity_token_file or keys too, found none",
    );
}

#[test]
fn the_machine_is_asked_last_and_the_reasons_are_kept() {
    let container = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/x")];
    World::new("", "", &container).check(&Settings::default(), "container in \"\"");
    let far = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/x")];
    World::new("", "", &far).check(
        &Settings::default(),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI: expected https, or a host that is this machine, found http and \
         \"10.0.0.1\"",
    );
    let plan = World::new("", "", &[]).decide(&Settings::default()).unwrap();
    assert_eq!(plan.passed_over.len(), 5, "{:?}", plan.passed_over);
}
