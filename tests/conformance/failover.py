"""The document's failover, typed: T-SQL through the client, the cmdlets through lync-shell.

Data center A of the served estate litware is lost. The steps are those of "Failing over the Persistent Chat Server
pool" (Lync Server 2013); the statements are RESTORE, KILL, ALTER DATABASE ... SET PARTNER and the log-shipping
procedures as the Transact-SQL reference has them.
"""

import json
import os
import re
import shutil
import subprocess
import time

from target import SqlError, case, same, scalar

DATABASE = "mgc"
COPY_DESTINATION = r"D:\LogShipping\mgc"
SEED = r"\\sql-b2\mirror-seed"
POOL = "service:atl-cs-001.litwareinc.com"
TOO_EARLY = "too early to apply"


def rows(connection, text):
    """All rows of all result sets, as texts."""
    return [tuple(str(value) for value in row) for found in connection.query(text) for row in found]


def shell(target, command):
    """Types a line into the management shell."""
    done = subprocess.run(
        [target.firedrill, "lync-shell", "--store", os.path.join(target.estate, "lync-shell.toml"), "-Command", command],
        env={**os.environ, "PCHAT_SQL_PASSWORD": target.password},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def remove_log_shipping(backup):
    query = "SELECT secondary_database FROM msdb.dbo.log_shipping_secondary_databases"
    same(rows(backup, query), [(DATABASE,)], "log shipping before step 1")
    backup.query(f"EXEC master.dbo.sp_delete_log_shipping_secondary_database @secondary_database = N'{DATABASE}'")
    same(rows(backup, query), [], "log shipping after step 1")


def copy_log_backups(target):
    share = os.path.join(target.estate, "files-b", "D", "shares", "mgc-logs")
    destination = os.path.join(target.estate, "sql-b1", "D", "LogShipping", "mgc")
    missing = sorted(name for name in os.listdir(share) if name not in os.listdir(destination))
    for name in missing:
        shutil.copyfile(os.path.join(share, name), os.path.join(destination, name))
    return missing


def apply_log_backups(backup):
    """Gives the names that were applied now."""
    listed = rows(backup, f"EXEC master.sys.xp_dirtree N'{COPY_DESTINATION}', 1, 1")
    applied = []
    for name in sorted(row[0] for row in listed if row[0].endswith(".trn")):
        path = f"{COPY_DESTINATION}\\{name}"
        header = rows(backup, f"RESTORE HEADERONLY FROM DISK = N'{path}'")
        assert any(DATABASE in row for row in header), header
        try:
            backup.query(f"RESTORE LOG [{DATABASE}] FROM DISK = N'{path}' WITH NORECOVERY")
            applied.append(name)
        except SqlError as error:
            # 4326 of two errors; a client that hands on the last of them tells 3013 and both texts.
            assert error.number in (4326, 3013, None) and TOO_EARLY in error.text, error
    return applied


def bring_online(backup):
    backup.query(
        "DECLARE @kill nvarchar(max) = N'';\n"
        "SELECT @kill = @kill + N'KILL ' + CONVERT(nvarchar(10), session_id) + N';'\n"
        f"FROM sys.dm_exec_sessions WHERE database_id = DB_ID(N'{DATABASE}') AND is_user_process = 1\n"
        "AND session_id <> @@SPID;\nEXEC (@kill)"
    )
    backup.query(f"RESTORE DATABASE [{DATABASE}] WITH RECOVERY")
    state = f"SELECT state_desc FROM sys.databases WHERE name = N'{DATABASE}'"
    same(str(scalar(backup.query(state))), "ONLINE", "state after step 4")


def endpoint(connection):
    """The port of the mirroring endpoint, which is made when there is none."""
    found = "SELECT port FROM sys.tcp_endpoints WHERE type_desc = N'DATABASE_MIRRORING'"
    if not rows(connection, found):
        connection.query(
            "CREATE ENDPOINT [mirroring] STATE = STARTED AS TCP (LISTENER_PORT = 5022) "
            "FOR DATABASE_MIRRORING (ROLE = PARTNER)"
        )
    return rows(connection, found)[0][0]


def mirror(backup, mirror):
    ports = {one: endpoint(one) for one in (backup, mirror)}
    backup.query(f"ALTER DATABASE [{DATABASE}] SET RECOVERY FULL")
    backup.query(f"BACKUP DATABASE [{DATABASE}] TO DISK = N'{SEED}\\typed.bak' WITH INIT, FORMAT")
    backup.query(f"BACKUP LOG [{DATABASE}] TO DISK = N'{SEED}\\typed.trn' WITH INIT, FORMAT")
    exists = f"SELECT name FROM sys.databases WHERE name = N'{DATABASE}'"
    if rows(mirror, exists):
        mirror.query(f"DROP DATABASE [{DATABASE}]")
    mirror.query(f"RESTORE DATABASE [{DATABASE}] FROM DISK = N'{SEED}\\typed.bak' WITH NORECOVERY, REPLACE")
    mirror.query(f"RESTORE LOG [{DATABASE}] FROM DISK = N'{SEED}\\typed.trn' WITH NORECOVERY")
    partner = "ALTER DATABASE [{}] SET PARTNER = N'TCP://{}.litwareinc.com:{}'"
    mirror.query(partner.format(DATABASE, "sql-b1", ports[backup]))
    backup.query(partner.format(DATABASE, "sql-b2", ports[mirror]))
    state = f"SELECT mirroring_state_desc FROM sys.database_mirroring WHERE database_id = DB_ID(N'{DATABASE}')"
    for _ in range(100):
        if rows(backup, state) == [("SYNCHRONIZED",)]:
            return
        time.sleep(0.1)
    raise AssertionError(f"the mirror is {rows(backup, state)} after 10 seconds")


@case("failover")
def the_document_s_seven_steps_typed_by_hand(client, target):
    """Log shipping removed, log copied and applied, recovered, pool state, mirror, active servers."""
    backup = client(target)
    backup_mirror = client(target, port=int(os.environ["CONFORMANCE_BACKUP_MIRROR_PORT"]))
    remove_log_shipping(backup)
    copied = copy_log_backups(target)
    assert copied, "the last log backups were not copied yet"
    applied = apply_log_backups(backup)
    assert set(copied) <= set(applied), f"copied {copied}, applied {applied}"
    bring_online(backup)
    shell(target, f'Set-CsPersistentChatState -Identity "{POOL}" -PoolState FailedOver')
    mirror(backup, backup_mirror)
    servers = ", ".join(f'"chat-b{number}.litwareinc.com"' for number in range(1, 5))
    shell(target, f'Set-CsPersistentChatActiveServer -Identity "{POOL}" -ActiveServers {servers}')

    told = shell(target, "Get-CsPersistentChatState")
    assert re.search(r"\bFailedOver\b", told), told
    told = shell(target, "Get-CsService -PersistentChatServer | ConvertTo-Json")
    active = json.loads(told)
    active = active[0] if isinstance(active, list) else active
    same(sorted(active["ActiveServers"]), [f"chat-b{number}.litwareinc.com" for number in range(1, 5)], "active servers")
    messages = int(scalar(backup.query(f"SELECT COUNT(*) FROM {DATABASE}.dbo.tblChat")))
    assert messages > 0, "no message has come through"
