//! The profile of a client: its server, its credentials and its provider, so that a command line is short.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::failure::Failure;

/// The profile that is used if none is named.
const DEFAULT: &str = "profile";

/// A profile. All keys are optional. Relative paths are relative to the directory of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    endpoint: Option<String>,
    /// The authority of the server's certificate.
    pub ca: Option<PathBuf>,
    /// The client certificate.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// The file with the client's token.
    pub token_file: Option<PathBuf>,
    /// The caller on a development server.
    #[serde(rename = "as")]
    pub caller: Option<String>,
    /// The provider of the client.
    pub provider: Option<String>,
}

/// The directory of the profiles: `cpss-registry` in the user's directory of configurations.
pub fn directory() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let configurations = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    let unknown = || Failure::said(vec!["the directory of profiles is not known: set HOME".to_owned()]);
    Ok(configurations.ok_or_else(unknown)?.join("cpss-registry"))
}

impl Profile {
    /// Reads a profile by its name or its file. Without either: the default profile, if it exists.
    pub fn read(named: Option<&str>) -> Result<Profile, Failure> {
        let path = match named {
            Some(name) if name.contains('/') || name.ends_with(".toml") => PathBuf::from(name),
            Some(name) => directory()?.join(format!("{name}.toml")),
            None => match directory().map(|directory| directory.join(format!("{DEFAULT}.toml"))) {
                Ok(path) if path.exists() => path,
                _ => return Ok(Profile::default()),
            },
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::usage(vec![format!("--profile: cannot read {}: {error}", path.display())]))?;
        Profile::parse(&text, &path)
    }

    /// The server.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    fn parse(text: &str, path: &Path) -> Result<Profile, Failure> {
        let mut profile: Profile = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            Failure::usage(vec![format!("{}, line {line}: {}", path.display(), error.message())])
        })?;
        if let Some(mistake) = profile.mistake() {
            return Err(Failure::usage(vec![format!("{}: {mistake}", path.display())]));
        }
        let base = path.parent().unwrap_or(Path::new(""));
        for file in [&mut profile.ca, &mut profile.cert, &mut profile.key, &mut profile.token_file] {
            *file = file.take().map(|file| base.join(file));
        }
        Ok(profile)
    }

    fn mistake(&self) -> Option<&'static str> {
        let is_http = self.endpoint().is_some_and(|endpoint| endpoint.starts_with("http:"));
        let is_secret = [&self.ca, &self.cert, &self.key, &self.token_file].into_iter().any(Option::is_some);
        match self {
            Profile { cert: Some(_), key: None, .. } => Some("cert requires key"),
            Profile { cert: None, key: Some(_), .. } => Some("key requires cert"),
            Profile { cert: Some(_), token_file: Some(_), .. } => Some("give cert or token_file, not both"),
            Profile { caller: Some(_), cert, token_file, .. } if cert.is_some() || token_file.is_some() => {
                Some("`as` is for a development server, which takes neither cert nor token_file")
            }
            _ if is_http && is_secret => Some("ca, cert, key and token_file require an https endpoint"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Profile, String> {
        Profile::parse(text, Path::new("/home/hr/p.toml")).map_err(|failure| failure.to_string())
    }

    #[test]
    fn files_are_relative_to_the_profile() {
        let profile = parse("endpoint = \"https://r:1\"\ncert = \"hr.crt\"\nkey = \"/keys/hr.key\"\n").unwrap();
        assert_eq!(profile.cert.as_deref(), Some(Path::new("/home/hr/hr.crt")));
        assert_eq!(profile.key.as_deref(), Some(Path::new("/keys/hr.key")));
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (text, expected) in [
            ("endpoint = \"http://r:1\"\nendpiont = 1\n", "/home/hr/p.toml, line 2: unknown field `endpiont`"),
            ("cert = \"a\"\n", "/home/hr/p.toml: cert requires key"),
            ("key = \"a\"\n", "/home/hr/p.toml: key requires cert"),
            ("cert = \"a\"\nkey = \"b\"\ntoken_file = \"c\"\n", "give cert or token_file"),
            ("as = \"payer\"\ntoken_file = \"c\"\n", "`as` is for a development server"),
            ("endpoint = \"http://r:1\"\ntoken_file = \"c\"\n", "require an https endpoint"),
        ] {
            let failure = parse(text).unwrap_err();
            assert!(failure.contains(expected), "{text}: {failure}");
        }
    }
}
