"""What any client of SQL Server may expect, apart from the failover.

Each case names the documentation it rests on: pages of Microsoft's SQL documentation and sections of MS-TDS.
"""

import datetime
import decimal
import struct
import time
import uuid

from target import Skipped, SqlError, Unable, case, fails, one, same, scalar

DATABASE = "conformance"


def text_of(value):
    """A value as the text clients would show it."""
    return value if isinstance(value, str) else str(value)


def fresh(client, target):
    """A connection to a database of the suite's own."""
    setup = client(target)
    setup.query(f"IF DB_ID('{DATABASE}') IS NULL CREATE DATABASE {DATABASE}")
    setup.close()
    return client(target, database=DATABASE)


# ---- connect ---------------------------------------------------------------------------------


def encryption_as(client, target, mode, encryption, encrypted):
    """Connects and compares what the server says of the connection; None is a refusal."""
    if mode not in target.tls_ports:
        raise Skipped(f"no server with --tls {mode}")
    if encryption not in client.encryptions:
        raise Skipped("the client does not know this mode")
    port = target.tls_ports[mode]
    if encrypted is None:
        try:
            client(target, encryption=encryption, port=port)
        except SqlError:
            return
        raise AssertionError("it should not have been able to connect")
    connection = client(target, encryption=encryption, port=port)
    told = scalar(connection.query("SELECT encrypt_option FROM sys.dm_exec_connections WHERE session_id = @@SPID"))
    same(told, encrypted, "encrypt_option")
    connection.close()


# MS-TDS 2.2.6.5, the table "ENCRYPTION": what the client wants, what the server is set to, what comes of it.
ENCRYPTION = {
    "off": {"none": "FALSE", "login": "FALSE", "all": None, "strict": None},
    "optional": {"none": "FALSE", "login": "FALSE", "all": "TRUE", "strict": "TRUE"},
    "required": {"none": None, "login": "TRUE", "all": "TRUE", "strict": "TRUE"},
    "strict": {"none": None, "login": None, "all": None, "strict": "TRUE"},
}


def add_encryption_cases():
    for mode, row in ENCRYPTION.items():
        for encryption, encrypted in row.items():

            def check(client, target, mode=mode, encryption=encryption, encrypted=encrypted):
                encryption_as(client, target, mode, encryption, encrypted)

            check.__name__ = f"a_server_set_to_{mode}_and_a_client_that_encrypts_{encryption}"
            case("connect")(check)


add_encryption_cases()


@case("connect")
def a_wrong_password_is_18456_in_state_1(client, target):
    """Error messages, MSSQLSERVER_18456: severity 14; the client sees state 1 whatever the reason."""
    fails(lambda: client(target, password="not the Passw0rd"), 18456, 14, 1)


@case("connect")
def a_database_that_is_not_there_is_refused(client, target):
    """MSSQLSERVER_4060 comes before 18456. Clients differ in which of the two they hand on."""
    try:
        client(target, database="no_such_database")
    except SqlError as error:
        assert error.number in (None, 4060, 18456), error
        return
    raise AssertionError("it should not have been able to connect")


@case("connect")
def the_database_asked_for_is_the_current_one(client, target):
    """MS-TDS 2.2.6.4, LOGIN7 "ibDatabase"."""
    connection = client(target, database="msdb")
    same(scalar(connection.query("SELECT DB_NAME()")), "msdb")


@case("connect")
def the_application_s_name_is_shown(client, target):
    """sys.dm_exec_sessions: program_name is the name of the client program."""
    if client.name == "odbc":
        raise Skipped("the package sets its own application name")
    connection = client(target, application="a tool of one's own")
    told = scalar(connection.query("SELECT program_name FROM sys.dm_exec_sessions WHERE session_id = @@SPID"))
    same(told, "a tool of one's own")


@case("connect")
def packets_have_the_size_asked_for(client, target):
    """Configure the network packet size: 512 to 32767 bytes. Encrypted, at most 16383."""
    if client.name != "python-tds":
        raise Skipped("the client sets the packet size elsewhere")
    for size in (512, 8000, 32767):
        connection = client(target, packet_bytes=size)
        query = "SELECT net_packet_size FROM sys.dm_exec_connections WHERE session_id = @@SPID"
        same(int(scalar(connection.query(query))), size, "net_packet_size")
        long = scalar(connection.query("SELECT REPLICATE(CAST('x' AS varchar(max)), 100000)"))
        same(len(long), 100_000)
        connection.close()


# ---- types -----------------------------------------------------------------------------------

UTC = datetime.timezone.utc
EAST = datetime.timezone(datetime.timedelta(hours=14))
WEST = datetime.timezone(datetime.timedelta(hours=-9, minutes=-30))
LONG = "가나다라마바사" * 20_000

# Type, the expression that makes the value, the value. Ranges: Data types (Transact-SQL) and the page of each type.
VALUES = [
    ("bit", "1", True),
    ("bit", "0", False),
    ("tinyint", "255", 255),
    ("smallint", "-32768", -32768),
    ("int", "-2147483648", -2147483648),
    ("bigint", "9223372036854775807", 9223372036854775807),
    ("decimal(38,0)", "'99999999999999999999999999999999999999'", decimal.Decimal("9" * 38)),
    ("decimal(38,38)", "'-0.00000000000000000000000000000000000001'", decimal.Decimal("-1E-38")),
    ("numeric(25,0)", "34000000031400001", decimal.Decimal("34000000031400001")),
    ("decimal(9,2)", "-1234567.89", decimal.Decimal("-1234567.89")),
    ("money", "-922337203685477.5808", decimal.Decimal("-922337203685477.5808")),
    ("smallmoney", "214748.3647", decimal.Decimal("214748.3647")),
    ("real", "-1.5E-10", struct.unpack("f", struct.pack("f", -1.5e-10))[0]),
    ("float", "1.7976931348623157E+308", 1.7976931348623157e308),
    ("float", "0.1", 0.1),
    ("date", "'0001-01-01'", datetime.date(1, 1, 1)),
    ("date", "'9999-12-31'", datetime.date(9999, 12, 31)),
    ("time(7)", "'23:59:59.999999'", datetime.time(23, 59, 59, 999999)),
    ("time(0)", "'12:34:56'", datetime.time(12, 34, 56)),
    ("smalldatetime", "'2079-06-06 23:59:00'", datetime.datetime(2079, 6, 6, 23, 59)),
    ("datetime", "'1753-01-01 00:00:00'", datetime.datetime(1753, 1, 1)),
    ("datetime", "'9999-12-31 23:59:59'", datetime.datetime(9999, 12, 31, 23, 59, 59)),
    ("datetime2(7)", "'0001-01-01 00:00:00.000001'", datetime.datetime(1, 1, 1, 0, 0, 0, 1)),
    ("datetime2(3)", "'2026-03-01 10:20:30.123'", datetime.datetime(2026, 3, 1, 10, 20, 30, 123000)),
    ("datetimeoffset(7)", "'2026-03-01 10:20:30.5 +14:00'", datetime.datetime(2026, 3, 1, 10, 20, 30, 500000, EAST)),
    ("datetimeoffset(0)", "'2026-03-01 10:20:30 -09:30'", datetime.datetime(2026, 3, 1, 10, 20, 30, 0, WEST)),
    ("char(5)", "'ab'", "ab   "),
    ("varchar(20)", "'caf\u00e9 \u20ac'", "caf\u00e9 \u20ac"),
    ("varchar(20)", "''", ""),
    ("varchar(max)", "REPLICATE(CAST('ab' AS varchar(max)), 50000)", "ab" * 50_000),
    ("nchar(3)", "N'\uac00'", "\uac00  "),
    ("nvarchar(20)", "N'\uac00\U0001f600'", "\uac00\U0001f600"),
    ("nvarchar(max)", "REPLICATE(CAST(N'\uac00\ub098\ub2e4\ub77c\ub9c8\ubc14\uc0ac' AS nvarchar(max)), 20000)", LONG),
    ("text", "'old'", "old"),
    ("ntext", "N'\uac00'", "\uac00"),
    ("binary(4)", "0x0102", b"\x01\x02\x00\x00"),
    ("varbinary(10)", "0x00FF", b"\x00\xff"),
    ("varbinary(max)", "CAST(REPLICATE(CAST('z' AS varchar(max)), 70000) AS varbinary(max))", b"z" * 70_000),
    ("image", "0xCAFE", b"\xca\xfe"),
    ("uniqueidentifier", "'6F9619FF-8B86-D011-B42D-00C04FC964FF'", uuid.UUID("6F9619FF-8B86-D011-B42D-00C04FC964FF")),
    ("xml", "N'<a b=\"1\">\uac00</a>'", '<a b="1">\uac00</a>'),
    ("sql_variant", "CAST(5 AS int)", 5),
]

# What a client cannot show as it is; the reason stands beside it.
EXCEPT = {
    "pymssql": {
        "sql_variant": "db-lib hands its bytes on",
    },
}
# Values that a client writes otherwise than it was given them: pymssql puts milliseconds into its literals.
UNSENDABLE = {("pymssql", "datetime2(7)", datetime.datetime(1, 1, 1, 0, 0, 0, 1))}


def normal(value, expected):
    """Differences between clients that are no differences of the value."""
    if isinstance(value, str) and isinstance(expected, uuid.UUID):
        return uuid.UUID(value)
    if isinstance(value, int) and isinstance(expected, bool):
        return bool(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(expected, float) and isinstance(value, float):
        return value
    if isinstance(value, datetime.datetime) and isinstance(expected, datetime.datetime):
        if value.tzinfo is not None and expected.tzinfo is not None:
            same(value.utcoffset(), expected.utcoffset(), "offset")
    return value


@case("types")
def every_type_comes_as_it_is(client, target):
    """MS-TDS 2.2.5.4 and 2.2.5.5: data types and their values."""
    connection = client(target)
    wrong = []
    for kind, expression, expected in VALUES:
        if client.is_text:
            if kind.startswith(("binary", "varbinary", "image", "real", "float", "money", "smallmoney", "bit")) or (
                not isinstance(expected, (int, str, decimal.Decimal)) or len(text_of(expected)) > 100 or expected == ""
            ):
                continue
        if kind in EXCEPT.get(client.name, {}):
            continue
        try:
            found = normal(scalar(connection.query(f"SELECT CAST({expression} AS {kind}) AS v")), expected)
            if client.is_text:
                expected = f"{expected:f}" if isinstance(expected, decimal.Decimal) else text_of(expected)
            same(found, expected, kind)
        except (AssertionError, SqlError) as error:
            wrong.append(f"{kind} {expression[:40]}: {str(error)[:300]}")
    assert not wrong, "\n".join(wrong)


@case("types")
def every_type_can_be_null(client, target):
    """MS-TDS 2.2.5.4: NULL of each form of length, and NBCROW (2.2.7.13) for rows of them."""
    connection = client(target)
    columns = [f"CAST(NULL AS {kind}) AS c{at}" for at, (kind, _, _) in enumerate(VALUES)]
    rows = connection.query("SELECT " + ", ".join(columns) + " UNION ALL SELECT " + ", ".join(columns))[0]
    if client.is_text:
        same(set(rows[0]), {"NULL"})
    else:
        same(rows, [(None,) * len(VALUES)] * 2)


@case("types")
def every_type_is_sent_as_it_is(client, target):
    """Parameters: the server converts what the client sent to the type and compares it with the literal."""
    if client.is_text:
        raise Skipped("it has no parameters")
    connection = client(target)
    wrong = []
    for kind, expression, value in VALUES:
        if (client.name, kind, value) in UNSENDABLE:
            continue
        if kind in EXCEPT.get(client.name, {}) or kind in ("text", "ntext", "image", "xml", "sql_variant"):
            continue
        try:
            found = connection.query(
                f"SELECT CASE WHEN CAST(? AS {kind}) = CAST({expression} AS {kind}) THEN 1 ELSE 0 END", [value]
            )
            same(scalar(found), 1, kind)
        except Unable:
            continue
        except (AssertionError, SqlError) as error:
            wrong.append(f"{kind} {expression[:40]}: {str(error)[:300]}")
    assert not wrong, "\n".join(wrong)


@case("types")
def parameters_may_be_null_and_text_may_be_long(client, target):
    """MS-TDS 2.2.5.2.3: values of max types travel in chunks."""
    if client.is_text:
        raise Skipped("it has no parameters")
    connection = client(target)
    same(scalar(connection.query("SELECT ISNULL(CAST(? AS int), -1)", [None])), -1)
    for length in (1, 4000, 4001, 8000, 8001, 500_000):
        same(scalar(connection.query("SELECT LEN(?)", ["\uac00" * length])), length)
        same(scalar(connection.query("SELECT DATALENGTH(?)", [b"\x01" * length])), length)


@case("types")
def columns_have_their_names_and_order(client, target):
    """MS-TDS 2.2.7.4 COLMETADATA."""
    connection = client(target)
    rows = connection.query("SELECT 1 AS first, 'x' AS [second column], NULL AS third")
    same([text_of(value) if value is not None else "NULL" for value in one(rows)], ["1", "x", "NULL"])


# ---- errors ----------------------------------------------------------------------------------

# Text, number, severity, state where it is documented or the only one, line. sys.messages and "Database engine errors".
ERRORS = [
    ("PRINT 'first'\nSELECT *\nFROM nowhere", 208, 16, 1, 2),
    ("SELECT\n1/0", 8134, 16, 1, None),
    ("SELECT 1 +", 102, 15, 1, 1),
    ("SELECT FROM x", 156, 15, 1, 1),
    ("SELEC 1", 2812, 16, 62, 1),
    ("EXEC no_such_procedure", 2812, 16, 62, 1),
    ("SELECT CAST('x' AS int)", 245, 16, 1, 1),
    ("SELECT no_such_column FROM sys.databases", 207, 16, 1, 1),
    ("DECLARE @t tinyint = 256", 220, 16, 2, 1),
    ("RAISERROR('told %d times', 16, 7, 3)", 50000, 16, 7, 1),
    ("THROW 50123, 'thrown', 9", 50123, 16, 9, 1),
    ("USE no_such_database", 911, 16, 1, 1),
    ("\n\nKILL 32000", 6106, 16, 2, 3),
    # Clients hand on the first of two errors, or the last.
    ("RESTORE DATABASE no_such_database WITH RECOVERY", (911, 3013), 16, None, 1),
]


@case("errors")
def errors_have_number_severity_state_and_line(client, target):
    """MS-TDS 2.2.7.10 ERROR; Database engine errors."""
    connection = client(target)
    wrong = []
    for text, number, severity, state, line in ERRORS:
        try:
            fails(lambda text=text: connection.query(text), number, severity, state, line)
        except AssertionError as error:
            wrong.append(f"{text!r}: {error}")
    assert not wrong, "\n".join(wrong)


@case("errors")
def the_connection_lives_on_after_an_error(client, target):
    """Database engine error severities: 11 to 16 are the user's to correct; the session goes on."""
    connection = client(target)
    fails(lambda: connection.query("SELECT * FROM nowhere"), 208)
    same(text_of(scalar(connection.query("SELECT 42"))), "42")


@case("errors")
def information_is_no_error(client, target):
    """PRINT; RAISERROR: severities 0 to 10 are informational messages; USE is told by 5701."""
    connection = client(target)
    connection.messages()
    connection.query("PRINT N'printed \uac00'; RAISERROR('low', 5, 3) WITH NOWAIT; RAISERROR('ten', 10, 1)")
    told = connection.messages()
    for text in ("printed \uac00", "low", "ten"):
        assert any(text in message for message in told), told


@case("errors")
def an_error_is_caught_in_the_batch(client, target):
    """TRY...CATCH (Transact-SQL): the client sees nothing of an error that is caught."""
    connection = client(target)
    row = one(
        connection.query(
            "BEGIN TRY\n SELECT 1/0 AS x WHERE 1 = 0\n DECLARE @i int = 1 / (SELECT 0)\nEND TRY\nBEGIN CATCH\n"
            " SELECT ERROR_NUMBER(), ERROR_SEVERITY(), ERROR_LINE()\nEND CATCH"
        )[-1:]
    )
    same([int(value) for value in row], [8134, 16, 3])


@case("errors")
def progress_and_success_of_a_backup_are_told(client, target):
    """BACKUP (Transact-SQL), STATS: 3211 each so many percent; 4035 and 3014 at the end."""
    connection = fresh(client, target)
    connection.messages()
    connection.query(f"BACKUP DATABASE {DATABASE} TO DISK = N'{DATABASE}.bak' WITH INIT, STATS = 25")
    told = "\n".join(connection.messages())
    for text in ("100 percent processed.", "Processed ", "BACKUP DATABASE successfully processed"):
        assert text in told, told


# ---- results ---------------------------------------------------------------------------------


@case("results")
def a_batch_gives_all_its_result_sets(client, target):
    """MS-TDS 2.2.7.6 DONE: the MORE bit on all but the last."""
    connection = client(target)
    sets = connection.query("SELECT 1; SELECT 2 WHERE 1 = 0; SELECT 3, 4; PRINT 'x'; SELECT 5")
    if client.is_text:
        same(sets, [[("1",)], [("3", "4")], [("5",)]])
    else:
        same(sets, [[(1,)], [], [(3, 4)], [(5,)]])


@case("results")
def a_procedure_gives_its_result_sets(client, target):
    """MS-TDS 2.2.7.7 DONEINPROC and 2.2.7.8 DONEPROC."""
    connection = fresh(client, target)
    connection.query("IF OBJECT_ID('dbo.two_sets') IS NOT NULL DROP PROCEDURE dbo.two_sets")
    connection.query("CREATE PROCEDURE dbo.two_sets @n int AS DECLARE @i int; SET @i = @n; SELECT @n; SELECT @i + 1")
    sets = connection.query("EXEC dbo.two_sets 7")
    same([[tuple(int(value) for value in row) for row in rows] for rows in sets], [[(7,)], [(8,)]])


@case("results")
def many_rows_arrive_in_order(client, target):
    """A result set may be larger than any buffer."""
    connection = client(target)
    sets = connection.query(
        "WITH d AS (SELECT n FROM (VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) v(n)) "
        "SELECT a.n * 1000 + b.n * 100 + c.n * 10 + e.n AS n, REPLICATE('x', 100) AS filler "
        "FROM d a CROSS JOIN d b CROSS JOIN d c CROSS JOIN d e ORDER BY n"
    )
    rows = [row for rows in sets for row in rows]
    same([int(row[0]) for row in rows], list(range(10_000)))


@case("results")
def the_session_s_settings_can_be_asked_for(client, target):
    """SET options of a session; sys.dm_exec_sessions."""
    connection = client(target)
    row = one(connection.query("SELECT @@SPID, DB_NAME(), SUSER_SNAME(), @@LANGUAGE, @@TRANCOUNT"))
    assert int(row[0]) > 50, row
    same([text_of(value) for value in row[1:]], ["master", target.user, "us_english", "0"])


# ---- cancel ----------------------------------------------------------------------------------


@case("cancel")
def a_statement_that_takes_too_long_is_cancelled(client, target):
    """MS-TDS 2.2.1.7 Attention: the server stops and acknowledges; the connection can be used again."""
    connection = client(target, timeout=1)
    began = time.monotonic()
    assert connection.timed_out("WAITFOR DELAY '00:00:50'; SELECT 1"), "it ran to its end"
    took = time.monotonic() - began
    assert took < 20, f"cancelled after {took:.1f} s"
    same(text_of(scalar(connection.query("SELECT 42"))), "42")


# ---- transactions ----------------------------------------------------------------------------


def table(connection, name="accounts"):
    connection.query(f"IF OBJECT_ID('dbo.{name}') IS NOT NULL DROP TABLE dbo.{name}")
    connection.query(f"CREATE TABLE dbo.{name} (id int NOT NULL PRIMARY KEY, amount decimal(19,4) NULL, note nvarchar(max))")
    return name


def count(connection, name="accounts"):
    return int(scalar(connection.query(f"SELECT COUNT(*) FROM dbo.{name}")))


@case("transactions")
def a_transaction_is_rolled_back_or_committed_as_a_whole(client, target):
    """Transactions (Transact-SQL); MS-TDS 2.2.6.9 transaction manager requests where the client uses them."""
    if client.is_text:
        raise Skipped("each batch has its own connection here")
    connection = fresh(client, target)
    table(connection)
    connection.begin()
    connection.query("INSERT INTO dbo.accounts VALUES (1, 1.5, N'a'), (2, NULL, NULL)")
    same(count(connection), 2)
    connection.rollback()
    same(count(connection), 0)
    connection.begin()
    connection.query("INSERT INTO dbo.accounts VALUES (1, 1.5, N'a')")
    connection.commit()
    same(count(connection), 1)
    same(int(scalar(connection.query("SELECT @@TRANCOUNT"))), 0)


@case("transactions")
def what_is_not_committed_blocks_a_reader_until_its_lock_timeout(client, target):
    """SET LOCK_TIMEOUT: error 1222 when the wait is over."""
    if client.is_text:
        raise Skipped("each batch has its own connection here")
    connection = fresh(client, target)
    table(connection, "blocked")
    connection.begin()
    connection.query("INSERT INTO dbo.blocked VALUES (1, 1, NULL)")
    reader = client(target, database=DATABASE)
    reader.query("SET LOCK_TIMEOUT 50")
    fails(lambda: reader.query("SELECT * FROM dbo.blocked"), 1222, 16)
    connection.rollback()
    same(count(reader, "blocked"), 0)


@case("transactions")
def a_closed_connection_rolls_back(client, target):
    """A session that ends rolls its transaction back."""
    if client.is_text:
        raise Skipped("each batch has its own connection here")
    connection = fresh(client, target)
    table(connection, "closed")
    other = client(target, database=DATABASE)
    other.query("BEGIN TRANSACTION INSERT INTO dbo.closed VALUES (1, 1, NULL)" if client.name != "odbc"
                else "INSERT INTO dbo.closed SELECT 1, 1, NULL WHERE 1 = 0")
    if client.name == "odbc":
        other.begin()
        other.query("INSERT INTO dbo.closed VALUES (1, 1, NULL)")
    other.close()
    connection.query("SET LOCK_TIMEOUT 5000")
    same(count(connection, "closed"), 0)


@case("transactions")
def savepoints_nest_inside_a_batch(client, target):
    """SAVE TRANSACTION; @@TRANCOUNT; XACT_STATE()."""
    connection = fresh(client, target)
    table(connection, "saved")
    row = one(
        connection.query(
            "SET NOCOUNT ON; BEGIN TRANSACTION; INSERT INTO dbo.saved VALUES (1, 1, NULL); SAVE TRANSACTION here; "
            "INSERT INTO dbo.saved VALUES (2, 1, NULL); ROLLBACK TRANSACTION here; "
            "SELECT @@TRANCOUNT, XACT_STATE(), (SELECT COUNT(*) FROM dbo.saved); COMMIT"
        )
    )
    same([int(value) for value in row], [1, 1, 1])


# ---- prepared --------------------------------------------------------------------------------


@case("prepared")
def a_statement_runs_again_with_other_parameters(client, target):
    """sp_executesql, sp_prepare, sp_prepexec, sp_execute: whichever the client uses."""
    if client.is_text:
        raise Skipped("it has no parameters")
    connection = fresh(client, target)
    table(connection, "prepared")
    for number in range(5):
        connection.query("INSERT INTO dbo.prepared VALUES (?, ?, ?)", [number, decimal.Decimal(number) / 4, f"note {number}"])
    rows = connection.query("SELECT id, amount, note FROM dbo.prepared WHERE id > ? AND note LIKE ? ORDER BY id", [2, "note%"])
    same(rows[0], [(3, decimal.Decimal("0.7500"), "note 3"), (4, decimal.Decimal("1.0000"), "note 4")])


@case("prepared")
def a_handle_is_prepared_run_and_given_back(client, target):
    """sp_prepare, sp_execute, sp_unprepare (Transact-SQL); 8179 for a handle that is not there."""
    connection = client(target)
    row = one(
        connection.query(
            "SET NOCOUNT ON; DECLARE @h int; EXEC sp_prepare @h OUTPUT, N'@a int, @b nvarchar(10)', N'SELECT @a + 1, @b'; "
            "EXEC sp_execute @h, 41, N'x'; EXEC sp_unprepare @h"
        )[-1:]
    )
    same([text_of(value) for value in row], ["42", "x"])
    fails(lambda: connection.query("EXEC sp_execute 12345, 1"), 8179, 16)


@case("prepared")
def a_procedure_is_called_by_name_with_outputs_and_a_status(client, target):
    """MS-TDS 2.2.6.6 RPC; RETURN (Transact-SQL); OUTPUT parameters."""
    connection = fresh(client, target)
    connection.query("IF OBJECT_ID('dbo.doubled') IS NOT NULL DROP PROCEDURE dbo.doubled")
    connection.query(
        "CREATE PROCEDURE dbo.doubled @twice int OUTPUT, @told varchar(100) = 'default' OUTPUT, @n int = 0 AS "
        "SET NOCOUNT ON; SET @twice = @n * 2; SET @told = @told + '!'; RETURN 5"
    )
    status, outputs = connection.call(
        "dbo.doubled",
        [("@twice", "int", 0, True), ("@told", "varchar(100)", "hello", True), ("@n", "int", 21, False)],
    )
    same((status, outputs["@twice"], outputs["@told"]), (5, 42, "hello!"))


@case("prepared")
def an_api_cursor_is_opened_read_and_closed(client, target):
    """sp_cursoropen, sp_cursorfetch, sp_cursoroption, sp_cursorclose (Transact-SQL): 0x2 next, 0x1 first, 0x10 absolute."""
    connection = fresh(client, target)
    table(connection, "walked")
    connection.query("INSERT INTO dbo.walked SELECT n, n, CONVERT(nvarchar(10), n) FROM (VALUES (1),(2),(3),(4),(5)) v(n)")
    sets = connection.query(
        "SET NOCOUNT ON; DECLARE @c int, @scroll int = 8, @lock int = 1, @rows int; "
        "EXEC sp_cursoropen @c OUTPUT, N'SELECT id, note FROM dbo.walked ORDER BY id', @scroll OUTPUT, @lock OUTPUT, @rows OUTPUT; "
        "EXEC sp_cursorfetch @c, 2, 0, 2; EXEC sp_cursorfetch @c, 2, 0, 2; EXEC sp_cursorfetch @c, 16, 5, 1; "
        "EXEC sp_cursorfetch @c, 1, 0, 1; EXEC sp_cursorclose @c; SELECT @rows, @scroll"
    )
    ids = [[int(row[0]) for row in rows] for rows in sets if rows]
    same([value for rows in ids for value in rows], [1, 2, 3, 4, 5, 1, 5])
    fails(lambda: connection.query("EXEC sp_cursorfetch 12345, 2, 0, 1"), 16909, 16)
