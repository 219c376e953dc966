//! Mirroring endpoints with a certificate: SQL Server on Linux has no Windows
//! sign-in for them.
//!
//! One certificate is made on the primary and brought to the other servers as a
//! file, with its key, so that each of them knows the one that its partner
//! shows. The endpoints stand before any mirror is set up, on all four servers:
//! the mirror cmdlet finds them there and uses them.

use super::names::Server;
use super::sql::{self, failed, text};
use super::world::World;
use super::{EstateError, SqlClient, paths, staging};

/// Protects keys that exist for one drill, on servers that exist for one run.
const KEY_PASSWORD: &str = "Rehearsal-only-1";

/// Makes the certificate and its endpoints on all servers; `clients` are signed in to master as `sa`.
pub(super) async fn set_up(
    world: &World,
    clients: &mut [(Server, &mut SqlClient)],
) -> Result<(), EstateError> {
    let folder = world.folder_names.shared(&paths::mirror_seed(world));
    let file = |name: &str| text(&world.folder_names.file_in(&folder, name));
    let (certificate, key) = (file("mirroring.cer"), file("mirroring.pvk"));
    let password = text(KEY_PASSWORD);
    for (server, client) in clients {
        let make = match server {
            Server::Primary => format!(
                "CREATE CERTIFICATE firedrill_mirroring WITH SUBJECT = N'database mirroring of a rehearsal'\n\
                 BACKUP CERTIFICATE firedrill_mirroring TO FILE = {certificate} \
                 WITH PRIVATE KEY (FILE = {key}, ENCRYPTION BY PASSWORD = {password})"
            ),
            _ => format!(
                "CREATE CERTIFICATE firedrill_mirroring FROM FILE = {certificate} \
                 WITH PRIVATE KEY (FILE = {key}, DECRYPTION BY PASSWORD = {password})"
            ),
        };
        let port = staging::mirroring_port(&world.setup.borrow(), *server);
        let batches = [
            format!("CREATE MASTER KEY ENCRYPTION BY PASSWORD = {password}"),
            make,
            format!(
                "CREATE ENDPOINT {} STATE = STARTED AS TCP (LISTENER_PORT = {port}) FOR DATABASE_MIRRORING \
                 (AUTHENTICATION = CERTIFICATE firedrill_mirroring, ENCRYPTION = REQUIRED ALGORITHM AES, ROLE = PARTNER)",
                staging::ENDPOINT
            ),
        ];
        for batch in batches {
            sql::run(client, &batch)
                .await
                .map_err(failed("setting up the mirroring endpoint's certificate", *server))?;
        }
    }
    Ok(())
}
