//! Where a SQL Server is: `host`, `host\instance` or `host,port`.

use std::fmt;

/// The address of a SQL Server instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerAddress {
    /// The machine's name or address.
    pub host: String,
    /// The instance's name; none is the default instance.
    pub instance: Option<String>,
    /// The TCP port; none is 1433 for the default instance and the browser service's answer for a named one.
    pub port: Option<u16>,
}

/// Why a text is not a server's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a server's address ({reason}); write `host`, `host\\instance` or `host,port`")]
pub struct AddressError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ServerAddress {
    /// Reads `host`, `host\instance`, `host,port` or `host\instance,port`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let refuse = |reason| AddressError { text: text.to_owned(), reason };
        let trimmed = text.trim();
        let (rest, port) = match trimmed.rsplit_once(',') {
            Some((rest, port)) => {
                let port = port.trim().parse::<u16>().ok().filter(|port| *port != 0);
                (rest.trim(), Some(port.ok_or_else(|| refuse("the port is no number from 1 to 65535"))?))
            }
            None => (trimmed, None),
        };
        let (host, instance) = match rest.split_once('\\') {
            Some((_, "")) => return Err(refuse("the instance's name is missing")),
            Some((host, instance)) => (host, Some(instance)),
            None => (rest, None),
        };
        if host.is_empty() {
            return Err(refuse("the host is missing"));
        }
        if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(refuse("it contains a blank"));
        }
        if instance.is_some_and(|instance| instance.contains('\\')) || host.contains(['/', ';', '"', '\'']) {
            return Err(refuse("it contains a character that no host or instance name has"));
        }
        let instance = instance.filter(|name| !name.eq_ignore_ascii_case("MSSQLSERVER")).map(str::to_owned);
        Ok(Self { host: host.to_owned(), instance, port })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        if let Some(instance) = &self.instance {
            write!(f, "\\{instance}")?;
        }
        match self.port {
            Some(port) => write!(f, ",{port}"),
            None => Ok(()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for ServerAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("sql-b1.litwareinc.com", "sql-b1.litwareinc.com", None, None)]
    #[case("sql-a1\\RTC", "sql-a1", Some("RTC"), None)]
    #[case("sql-a1,1444", "sql-a1", None, Some(1444))]
    #[case(" sql-a1\\RTC , 1444 ", "sql-a1", Some("RTC"), Some(1444))]
    #[case("sql-a1\\MSSQLSERVER", "sql-a1", None, None)]
    fn an_address_names_host_instance_and_port(
        #[case] text: &str,
        #[case] host: &str,
        #[case] instance: Option<&str>,
        #[case] port: Option<u16>,
    ) {
        let address = ServerAddress::parse(text).unwrap();
        assert_eq!(
            (address.host.as_str(), address.instance.as_deref(), address.port),
            (host, instance, port)
        );
        assert_eq!(ServerAddress::parse(&address.to_string()).unwrap(), address);
    }

    #[rstest]
    #[case("")]
    #[case("\\RTC")]
    #[case("host\\")]
    #[case("host,")]
    #[case("host,0")]
    #[case("host,99999")]
    #[case("ho st")]
    #[case("host\\a\\b")]
    #[case("host;Trusted_Connection=yes")]
    fn what_is_no_address_is_refused(#[case] text: &str) {
        assert!(ServerAddress::parse(text).is_err());
    }
}
