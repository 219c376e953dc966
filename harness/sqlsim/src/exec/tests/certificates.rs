//! The master key, certificates, what comes from them, and endpoints that use them.

use super::{Bench, on_a_bench};

const MASTER_KEY: &str = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Key-of-0ne'";
const CERTIFICATE: &str =
    "CREATE CERTIFICATE own WITH SUBJECT = 'own for mirroring', EXPIRY_DATE = '2030-12-31'";

async fn with_certificate(bench: &Bench) {
    for statement in [MASTER_KEY, CERTIFICATE] {
        assert_eq!(bench.error(statement).await, 0, "{statement}");
    }
}

#[test]
fn a_master_key_is_there_once_and_listed_beside_the_services_own() {
    on_a_bench(async |bench| {
        let names = "SELECT name, symmetric_key_id FROM sys.symmetric_keys ORDER BY symmetric_key_id";
        assert_eq!(bench.rows(names).await, "##MS_ServiceMasterKey##|102");
        assert_eq!(bench.error(MASTER_KEY).await, 0);
        assert_eq!(bench.rows(names).await, "##MS_DatabaseMasterKey##|101; ##MS_ServiceMasterKey##|102");
        assert_eq!(bench.error(MASTER_KEY).await, 15_578);
        assert_eq!(bench.error(CERTIFICATE).await, 0);
        assert_eq!(bench.error("DROP MASTER KEY").await, 15_580);
        assert_eq!(bench.error("DROP CERTIFICATE own; DROP MASTER KEY").await, 0);
        assert_eq!(bench.error("DROP MASTER KEY").await, 15_151);
    });
}

#[test]
fn a_certificate_wants_a_master_key_or_a_password() {
    on_a_bench(async |bench| {
        assert_eq!(bench.error(CERTIFICATE).await, 15_581);
        let by_password = "CREATE CERTIFICATE pw ENCRYPTION BY PASSWORD = 'x' WITH SUBJECT = 'pw'";
        assert_eq!(bench.error(by_password).await, 0);
        with_certificate(&bench).await;
        assert_eq!(bench.error(CERTIFICATE).await, 15_232);
        assert_eq!(
            bench
                .rows(
                    "SELECT name, certificate_id, principal_id, pvt_key_encryption_type, subject, issuer_name, \
                     DATEDIFF(day, start_date, expiry_date), DATALENGTH(thumbprint) FROM sys.certificates \
                     ORDER BY certificate_id"
                )
                .await,
            "pw|256|1|PW|pw|pw|365|20; own|257|1|MK|own for mirroring|own for mirroring|1500|20"
        );
    });
}

#[test]
fn a_certificate_and_its_key_go_through_files_and_only_the_password_opens_the_key() {
    on_a_bench(async |bench| {
        with_certificate(&bench).await;
        let back_up = r"BACKUP CERTIFICATE own TO FILE = 'D:\backup\own.cer' WITH PRIVATE KEY
            (FILE = 'D:\backup\own.pvk', ENCRYPTION BY PASSWORD = 'way')";
        assert_eq!(bench.error(back_up).await, 0);
        assert_eq!(bench.error(back_up).await, 15_240, "an existing file is left alone");
        let thumbprint = "SELECT thumbprint FROM sys.certificates";
        let before = bench.rows(thumbprint).await;
        assert_eq!(
            bench.error(r"CREATE CERTIFICATE copy FROM FILE = 'D:\backup\own.cer'").await,
            15_232,
            "the same certificate under another name"
        );
        assert_eq!(bench.error("DROP CERTIFICATE own").await, 0);
        let read = |password: &str| {
            format!(
                r"CREATE CERTIFICATE own FROM FILE = 'D:\backup\own.cer' WITH PRIVATE KEY
                (FILE = 'D:\backup\own.pvk', DECRYPTION BY PASSWORD = '{password}')"
            )
        };
        assert_eq!(bench.error(&read("Way")).await, 15_465);
        assert_eq!(bench.error(&read("way")).await, 0);
        assert_eq!(bench.rows(thumbprint).await, before);
        let key = "SELECT pvt_key_encryption_type_desc FROM sys.certificates";
        assert_eq!(bench.rows(key).await, "ENCRYPTED_BY_MASTER_KEY");
        assert_eq!(
            bench.error(r"CREATE CERTIFICATE c FROM FILE = 'D:\backup\own.pvk'").await,
            15_208,
            "a file of something else"
        );
        assert_eq!(bench.error(r"CREATE CERTIFICATE c FROM FILE = 'D:\backup\none.cer'").await, 15_208);
    });
}

#[test]
fn logins_and_users_come_from_a_certificate_and_keep_it_from_being_dropped() {
    on_a_bench(async |bench| {
        with_certificate(&bench).await;
        assert_eq!(bench.error("CREATE LOGIN l FROM CERTIFICATE none").await, 15_151);
        assert_eq!(bench.error("CREATE LOGIN l FROM CERTIFICATE own").await, 0);
        assert_eq!(bench.error("DROP CERTIFICATE own").await, 15_559);
        assert_eq!(bench.error("CREATE USER u FOR CERTIFICATE own").await, 0);
        assert_eq!(bench.error("DROP LOGIN l; DROP CERTIFICATE own").await, 15_559);
        assert_eq!(
            bench
                .rows(
                    "SELECT u.type, u.type_desc, u.authentication_type_desc FROM sys.database_principals u \
                     JOIN sys.certificates c ON c.sid = u.sid"
                )
                .await,
            "C|CERTIFICATE_MAPPED_USER|NONE"
        );
        assert_eq!(bench.error("DROP USER u; DROP CERTIFICATE own").await, 0);
    });
}

#[test]
fn an_endpoint_names_its_certificate_and_who_may_connect() {
    on_a_bench(async |bench| {
        let create = "CREATE ENDPOINT m STATE = STARTED AS TCP (LISTENER_PORT = 5022, LISTENER_IP = ALL) FOR \
            DATABASE_MIRRORING (AUTHENTICATION = CERTIFICATE own, ENCRYPTION = REQUIRED ALGORITHM AES, ROLE = ALL)";
        assert_eq!(bench.error(create).await, 15_151, "there is no such certificate");
        with_certificate(&bench).await;
        assert_eq!(bench.error(create).await, 0);
        let shown = "SELECT role_desc, connection_auth, connection_auth_desc, certificate_id, encryption_algorithm, \
            encryption_algorithm_desc FROM sys.database_mirroring_endpoints";
        assert_eq!(bench.rows(shown).await, "ALL|4|CERTIFICATE|256|2|AES");
        assert_eq!(bench.error("DROP CERTIFICATE own").await, 15_559);
        let alter = "ALTER ENDPOINT m FOR DATABASE_MIRRORING (AUTHENTICATION = WINDOWS NTLM CERTIFICATE [own], \
            ENCRYPTION = SUPPORTED ALGORITHM AES RC4)";
        assert_eq!(bench.error(alter).await, 0);
        assert_eq!(bench.rows(shown).await, "ALL|5|NTLM, CERTIFICATE|256|8|NONE, AES, RC4");
        assert_eq!(bench.error("GRANT CONNECT ON ENDPOINT::m TO nobody").await, 15_151);
        assert_eq!(bench.error("CREATE LOGIN peer WITH PASSWORD = 'Pass.word1'").await, 0);
        assert_eq!(bench.error("GRANT CONNECT ON ENDPOINT::other TO peer").await, 15_151);
        assert_eq!(bench.error("GRANT CONNECT ON ENDPOINT::m TO peer").await, 0);
        assert_eq!(bench.error("REVOKE CONNECT ON ENDPOINT::m FROM peer").await, 0);
        assert_eq!(bench.error("DROP ENDPOINT m; DROP CERTIFICATE own").await, 0);
    });
}

#[test]
fn keys_outside_of_master_are_refused_by_name() {
    on_a_bench(async |bench| {
        assert_eq!(bench.error("CREATE DATABASE d").await, 0);
        assert_eq!(bench.error(&format!("USE d; {MASTER_KEY}")).await, 40_510);
        assert_eq!(bench.rows("USE d; SELECT COUNT(*) FROM sys.certificates").await, "0");
    });
}
