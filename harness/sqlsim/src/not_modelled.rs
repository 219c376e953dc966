//! What this server does not model, as a list that users can print.

/// One thing that is left out or differs, in one sentence.
pub const NOT_MODELLED: &[&str] = &[
    "Encryption: a client must say that it does not support it, or log in in clear text; one that requires it is refused.",
    "Windows sign-in and federated authentication: only SQL logins can connect (18452 otherwise).",
    "Several active result sets on one connection (MARS): a client that asks for them is told no.",
    "Table-valued parameters, parameters of CLR types, encrypted parameters, bulk load and distributed transactions: an error names them.",
    "Collations other than SQL_Latin1_General_CP1_CI_AS: char and varchar hold code page 1252.",
    "A change of the password while logging in.",
    "Session recovery and the other features a client may ask for at login: none is acknowledged, which tells the client that they are not there.",
];
