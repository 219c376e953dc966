//! What the servers of an image can do, found out by asking them.

use super::engine::{Cluster, Image};
use super::reset::sign_in;
use crate::estate::{EstateFile, Server, SqlClient, sql};

/// What was found on the backup; the four run one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// `@@VERSION`'s first line.
    version: String,
    /// Whether an endpoint for database mirroring can be made.
    mirroring: Result<(), String>,
    /// Whether the procedures of log shipping are there.
    log_shipping: Result<(), String>,
    /// Whether the Agent runs jobs.
    agent: Result<(), String>,
}

/// Every drill stages a mirror and log shipping, and its jobs have to run: without one of them nothing can be staged.
impl Capabilities {
    fn all(&self) -> [(&'static str, &Result<(), String>); 3] {
        [
            ("database mirroring", &self.mirroring),
            ("log-shipping procedures", &self.log_shipping),
            ("SQL Server Agent", &self.agent),
        ]
    }

    /// What keeps drills from being staged, if anything does.
    pub(super) fn lacking(&self) -> Option<String> {
        let lacking: Vec<String> = self
            .all()
            .into_iter()
            .filter_map(|(what, found)| Some(format!("{what} ({})", found.as_ref().err()?)))
            .collect();
        (!lacking.is_empty()).then(|| format!("the image's servers lack {}", lacking.join(" and ")))
    }

    /// For reports.
    pub(super) fn told(&self, image: &Image) -> Vec<(String, String)> {
        let found = |found: &Result<(), String>| match found {
            Ok(()) => "yes".to_owned(),
            Err(why) => format!("no: {why}"),
        };
        let mut told =
            vec![("image".to_owned(), image.to_string()), ("version".to_owned(), self.version.clone())];
        told.extend(self.all().map(|(what, one)| (what.to_owned(), found(one))));
        told
    }

    /// For people, at the start of a run.
    pub(super) fn lines(&self, image: &Image) -> String {
        let lines: Vec<String> =
            self.told(image).into_iter().map(|(what, found)| format!("  {what:<24} {found}")).collect();
        format!("four SQL Servers in containers:\n{}", lines.join("\n"))
    }
}

/// Asks the backup.
pub(super) async fn probe(cluster: &Cluster, file: &EstateFile) -> Result<Capabilities, String> {
    let mut client = sign_in(&cluster.container(Server::Backup), file).await?;
    let mut text = async |query: &str| -> Result<String, String> {
        let rows = sql::rows(&mut client, query).await.map_err(|error| error.to_string())?;
        Ok(rows.first().and_then(|row| row.get::<&str, _>(0)).unwrap_or_default().to_owned())
    };
    let version = text("SELECT @@VERSION").await?.lines().next().unwrap_or_default().trim().to_owned();
    let agent = text(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM sys.dm_server_services WHERE servicename LIKE N'SQL Server Agent%' \
         AND status = 4) OR EXISTS (SELECT 1 FROM sys.dm_exec_sessions WHERE program_name LIKE N'SQLAgent%') \
         THEN N'' ELSE N'it does not run' END",
    )
    .await;
    let mirroring = text(
        "IF NOT EXISTS (SELECT 1 FROM sys.database_mirroring_endpoints)\n\
         BEGIN\n\
           CREATE ENDPOINT firedrill_probe STATE = STOPPED AS TCP (LISTENER_PORT = 5022) \
             FOR DATABASE_MIRRORING (ROLE = PARTNER)\n\
           DROP ENDPOINT firedrill_probe\n\
         END\n\
         SELECT N''",
    )
    .await;
    let log_shipping = log_shipping(&mut client).await;
    let found = |answer: Result<String, String>| match answer {
        Ok(why) if why.is_empty() => Ok(()),
        Ok(why) | Err(why) => Err(why),
    };
    Ok(Capabilities { version, mirroring: found(mirroring), log_shipping, agent: found(agent) })
}

/// Whether log shipping is installed. What its procedure says of a database that is not there does not matter; that there
/// is no such procedure (2812), or that log shipping is not installed (32018), does.
async fn log_shipping(client: &mut SqlClient) -> Result<(), String> {
    let ask =
        "EXEC master.dbo.sp_help_log_shipping_secondary_database @secondary_database = N'firedrill_probe'";
    match sql::run(client, ask).await {
        Err(tiberius::error::Error::Server(answer)) if matches!(answer.code(), 2812 | 32018) => {
            Err(answer.message().to_owned())
        }
        Ok(()) | Err(tiberius::error::Error::Server(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
