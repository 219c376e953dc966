//! Settings of the container: environment variables, and `mssql.conf` behind them.
//!
//! Microsoft, "Configure SQL Server settings with environment variables on Linux", names them. A setting
//! that would change what the server does and cannot be had here keeps it from starting; one that would change
//! nothing that can be seen is told of in the log.

use crate::config::Edition;
use crate::host::password::{self, Weakness};
use std::net::{IpAddr, Ipv4Addr};

/// The collation that there is.
const COLLATION: &str = "SQL_Latin1_General_CP1_CI_AS";
/// The language that there is: us_english.
const LCID: &str = "1033";
/// Where data, logs and backups lie unless told otherwise.
const DATA_DIRECTORY: &str = "/var/opt/mssql/data";
/// The parts of a product key, and the characters of each.
const KEY_PARTS: usize = 5;

/// What the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// The password of `sa`; `None` is good enough for a server that has data.
    pub(super) password: Option<String>,
    /// Where it listens.
    pub(super) ip: IpAddr,
    /// Where it listens.
    pub(super) port: u16,
    /// What `MSSQL_PID` names.
    pub(super) edition: Edition,
    /// Whether SQL Server Agent runs.
    pub(super) agent_enabled: bool,
    /// `MSSQL_MEMORY_LIMIT_MB`.
    pub(super) memory_limit_mb: Option<u32>,
    /// Where data files are said to lie.
    pub(super) data_directory: String,
    /// Where backups without a path go.
    pub(super) backup_directory: String,
    /// What the log has to say about settings that change nothing.
    pub(super) notes: Vec<String>,
}

/// Why the server does not start with these settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// `ACCEPT_EULA` is not `Y`.
    #[error(
        "The SQL Server End-User License Agreement (EULA) must be accepted before SQL Server can start. Set the \
         environment variable ACCEPT_EULA to Y. (This is a simulated server and nobody's license applies to it; \
         it asks all the same, so that what starts it also starts the real one.)"
    )]
    Eula,
    /// There is no password and no data.
    #[error(
        "ERROR: Unable to set system administrator password: there is none. Set the environment variable \
         MSSQL_SA_PASSWORD to at least 8 characters from three of upper case, lower case, digits and symbols."
    )]
    NoPassword,
    /// The password does not meet the policy.
    #[error(
        "ERROR: Unable to set system administrator password: Password validation failed. The password does not \
         meet SQL Server password policy requirements because it {}. The password must be at least 8 characters \
         long and contain characters from three of the following four sets: Uppercase letters, Lowercase letters, \
         Base 10 digits, and Symbols.",
        because(*_0)
    )]
    Weak(Weakness),
    /// A value cannot be used.
    #[error("{name} is \"{value}\", which cannot be used: {what}. Nothing was started.")]
    Value {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        what: &'static str,
    },
}

fn because(weakness: Weakness) -> &'static str {
    match weakness {
        Weakness::TooShort => "is too short",
        Weakness::TooLong => "is too long",
        Weakness::TooSimple => "is not complex enough",
    }
}

impl Settings {
    /// Reads the settings. `get` gives an environment variable, `conf` is the text of `mssql.conf`.
    pub(super) fn read(
        get: impl Fn(&str) -> Option<String>,
        conf: &str,
        eula_accepted: bool,
    ) -> Result<Self, Refusal> {
        let conf = Conf::parse(conf);
        let find = |name: &str, section: &str, key: &str| {
            get(name).filter(|value| !value.is_empty()).or_else(|| conf.get(section, key))
        };
        let eula = find("ACCEPT_EULA", "eula", "accepteula").is_some_and(|said| is_yes(&said));
        if !eula && !eula_accepted {
            return Err(Refusal::Eula);
        }
        let password = get("MSSQL_SA_PASSWORD").or_else(|| get("SA_PASSWORD"));
        if let Some(password) = &password {
            password::check(password).map_err(Refusal::Weak)?;
        }
        let collation = find("MSSQL_COLLATION", "language", "collation");
        only(
            "MSSQL_COLLATION",
            collation,
            COLLATION,
            "the one collation here is SQL_Latin1_General_CP1_CI_AS",
        )?;
        only("MSSQL_LCID", find("MSSQL_LCID", "language", "lcid"), LCID, "the one language here is 1033")?;
        let ip = find("MSSQL_IP_ADDRESS", "network", "ipaddress");
        let port = find("MSSQL_TCP_PORT", "network", "tcpport");
        let memory = find("MSSQL_MEMORY_LIMIT_MB", "memory", "memorylimitmb");
        let agent = find("MSSQL_AGENT_ENABLED", "sqlagent", "enabled");
        let data = find("MSSQL_DATA_DIR", "filelocation", "defaultdatadir");
        let backup = find("MSSQL_BACKUP_DIR", "filelocation", "defaultbackupdir");
        let (edition, mut notes) = edition(get("MSSQL_PID"))?;
        if find("MSSQL_ENABLE_HADR", "hadr", "hadrenabled").is_some_and(|said| is_yes(&said) || said == "1") {
            notes
                .push("MSSQL_ENABLE_HADR changes nothing: there are no availability groups here.".to_owned());
        }
        Ok(Self {
            password,
            ip: parsed("MSSQL_IP_ADDRESS", ip, "give an address")?.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            port: parsed("MSSQL_TCP_PORT", port, "give a port from 1 to 65535")?
                .map_or(1433, std::num::NonZeroU16::get),
            edition,
            agent_enabled: switch("MSSQL_AGENT_ENABLED", agent)?,
            memory_limit_mb: parsed(
                "MSSQL_MEMORY_LIMIT_MB",
                memory,
                "give a number of megabytes, at least 1",
            )?
            .map(std::num::NonZeroU32::get),
            data_directory: path("MSSQL_DATA_DIR", data)?,
            backup_directory: path("MSSQL_BACKUP_DIR", backup)?,
            notes,
        })
    }
}

fn is_yes(value: &str) -> bool {
    ["y", "yes", "true"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

fn refuse(name: &'static str, value: String, what: &'static str) -> Refusal {
    Refusal::Value { name, value, what }
}

fn only(name: &'static str, value: Option<String>, one: &str, what: &'static str) -> Result<(), Refusal> {
    match value {
        Some(value) if !value.eq_ignore_ascii_case(one) => Err(refuse(name, value, what)),
        _ => Ok(()),
    }
}

fn parsed<T: std::str::FromStr>(
    name: &'static str,
    value: Option<String>,
    what: &'static str,
) -> Result<Option<T>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| refuse(name, value, what))
}

fn switch(name: &'static str, value: Option<String>) -> Result<bool, Refusal> {
    match value.as_deref().map(|value| value.trim().to_ascii_lowercase()).as_deref() {
        None | Some("false" | "0" | "n" | "no") => Ok(false),
        Some("true" | "1" | "y" | "yes") => Ok(true),
        Some(_) => Err(refuse(name, value.unwrap_or_default(), "give true or false")),
    }
}

fn path(name: &'static str, value: Option<String>) -> Result<String, Refusal> {
    match value {
        None => Ok(DATA_DIRECTORY.to_owned()),
        Some(value) if value.starts_with('/') => Ok(value),
        Some(value) => Err(refuse(name, value, "give a path from the root, like /var/opt/mssql/data")),
    }
}

/// The edition that `MSSQL_PID` names, and what there is to say about it.
fn edition(pid: Option<String>) -> Result<(Edition, Vec<String>), Refusal> {
    let Some(pid) = pid.filter(|pid| !pid.is_empty()) else { return Ok((Edition::Developer, Vec::new())) };
    let edition = match pid.to_ascii_lowercase().as_str() {
        "evaluation" => Edition::Evaluation,
        "developer" => Edition::Developer,
        "express" => Edition::Express,
        "web" => Edition::Web,
        "standard" => Edition::Standard,
        "enterprise" => Edition::Enterprise,
        "enterprisecore" => Edition::EnterpriseCore,
        key if is_key(key) => {
            let note = "MSSQL_PID is a product key: what it is for is not known here; this is Enterprise.";
            return Ok((Edition::Enterprise, vec![note.to_owned()]));
        }
        _ => {
            let what = "give Evaluation, Developer, Express, Web, Standard, Enterprise, EnterpriseCore, or a key \
                        of five times five characters";
            return Err(refuse("MSSQL_PID", pid, what));
        }
    };
    Ok((edition, Vec::new()))
}

fn is_key(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_part = |part: &&str| part.len() == KEY_PARTS && part.bytes().all(|b| b.is_ascii_alphanumeric());
    parts.len() == KEY_PARTS && parts.iter().all(is_part)
}

/// `mssql.conf`: sections of `key = value`.
struct Conf(Vec<(String, String, String)>);

impl Conf {
    fn parse(text: &str) -> Self {
        let mut section = String::new();
        let mut values = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                section = name.trim().to_ascii_lowercase();
            } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))
            {
                values.push((section.clone(), key.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Self(values)
    }

    fn get(&self, section: &str, key: &str) -> Option<String> {
        let found = self.0.iter().rev().find(|(in_section, name, _)| in_section == section && name == key);
        found.map(|(_, _, value)| value.clone()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], conf: &str) -> Result<Settings, Refusal> {
        let get = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(get, conf, false)
    }

    const NEEDED: [(&str, &str); 2] = [("ACCEPT_EULA", "Y"), ("MSSQL_SA_PASSWORD", "Passw0rd-1")];

    fn with(more: &[(&str, &str)]) -> Result<Settings, Refusal> {
        read(&[&NEEDED, more].concat(), "")
    }

    #[test]
    fn what_is_not_said_is_as_in_the_official_image() {
        let settings = with(&[]).unwrap();
        assert_eq!((settings.port, settings.edition), (1433, Edition::Developer));
        assert!(!settings.agent_enabled);
        assert_eq!(settings.data_directory, "/var/opt/mssql/data");
        assert_eq!(settings.backup_directory, "/var/opt/mssql/data");
    }

    #[test]
    fn the_license_has_to_be_accepted() {
        assert_eq!(read(&[("MSSQL_SA_PASSWORD", "Passw0rd-1")], ""), Err(Refusal::Eula));
        assert_eq!(read(&[("ACCEPT_EULA", "N"), NEEDED[1]], ""), Err(Refusal::Eula));
        assert!(read(&[NEEDED[1]], "[EULA]\naccepteula = Y\n").is_ok());
    }

    #[rstest::rstest]
    #[case("MSSQL_SA_PASSWORD")]
    #[case("SA_PASSWORD")]
    fn the_password_goes_by_either_name_and_meets_the_policy(#[case] name: &str) {
        let good = read(&[NEEDED[0], (name, "Other-1-word")], "").unwrap();
        assert_eq!(good.password.as_deref(), Some("Other-1-word"));
        let weak = read(&[NEEDED[0], (name, "password")], "").unwrap_err();
        assert_eq!(weak, Refusal::Weak(Weakness::TooSimple));
        assert!(weak.to_string().contains("because it is not complex enough. "), "{weak}");
    }

    #[rstest::rstest]
    #[case("Express", Edition::Express)]
    #[case("standard", Edition::Standard)]
    #[case("EnterpriseCore", Edition::EnterpriseCore)]
    #[case("ABCDE-12345-ABCDE-12345-ABCDE", Edition::Enterprise)]
    fn a_product_id_names_an_edition_or_is_a_key(#[case] pid: &str, #[case] edition: Edition) {
        assert_eq!(with(&[("MSSQL_PID", pid)]).unwrap().edition, edition);
    }

    #[rstest::rstest]
    #[case("MSSQL_PID", "Gold")]
    #[case("MSSQL_TCP_PORT", "0")]
    #[case("MSSQL_TCP_PORT", "70000")]
    #[case("MSSQL_IP_ADDRESS", "here")]
    #[case("MSSQL_AGENT_ENABLED", "perhaps")]
    #[case("MSSQL_MEMORY_LIMIT_MB", "2G")]
    #[case("MSSQL_COLLATION", "Korean_Wansung_CI_AS")]
    #[case("MSSQL_LCID", "1042")]
    #[case("MSSQL_BACKUP_DIR", "backups")]
    fn a_value_that_cannot_be_used_is_named(#[case] name: &str, #[case] value: &str) {
        let error = with(&[(name, value)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name} is \"{value}\", which cannot be used: ")), "{error}");
    }

    #[test]
    fn the_environment_comes_before_mssql_conf() {
        let conf =
            "# settings\n[sqlagent]\nenabled = true\n[network]\ntcpport = 1500\n[hadr]\nhadrenabled = 1\n";
        let settings = read(&NEEDED, conf).unwrap();
        assert!(settings.agent_enabled);
        assert_eq!(settings.port, 1500);
        assert_eq!(settings.notes.len(), 1, "{:?}", settings.notes);
        let settings = read(&[&NEEDED[..], &[("MSSQL_TCP_PORT", "1600")]].concat(), conf).unwrap();
        assert_eq!(settings.port, 1600);
    }
}
