//! The chat databases' tables.
//!
//! A subset of the published "Persistent Chat database schema": what the chat service
//! and the drills touch. mgc: tblNode, tblPrincipal, tblChat, tblLastChatId,
//! tblServerIdentity, tblConfig, tblSystemRevision. mgccomp: tblComplianceData,
//! tblComplianceState.

/// Tables of mgc.
pub(super) const CHAT: &str = "\
CREATE TABLE dbo.tblPrincipal (prinID int NOT NULL PRIMARY KEY, prinUri nvarchar(256) NOT NULL, \
prinName nvarchar(256) NOT NULL, prinDisabled tinyint NOT NULL, prinTypeID int NOT NULL)
CREATE TABLE dbo.tblNode (nodeID int NOT NULL PRIMARY KEY, nodeGuid uniqueidentifier NOT NULL, parentID int NULL, \
nodeType tinyint NOT NULL, nodeName nvarchar(256) NOT NULL, disabled bit NOT NULL, behavior int NOT NULL, \
visibility int NOT NULL)
CREATE TABLE dbo.tblChat (channelId int NOT NULL, chatId bigint NOT NULL, chatDate bigint NOT NULL, \
userId int NOT NULL, isAlert bit NOT NULL, content nvarchar(max) NOT NULL, rtf nvarchar(max) NULL, \
PRIMARY KEY (channelId, chatId))
CREATE TABLE dbo.tblLastChatId (nodeID int NOT NULL PRIMARY KEY, lastChatID bigint NOT NULL)
CREATE TABLE dbo.tblServerIdentity (serverID int NOT NULL PRIMARY KEY, serverAddress nvarchar(256) NOT NULL, \
serverLastPingTime datetime NULL)
CREATE TABLE dbo.tblConfig (configLabel nvarchar(64) NOT NULL PRIMARY KEY, configContent nvarchar(max) NULL, \
configPoolID uniqueidentifier NOT NULL)
CREATE TABLE dbo.tblSystemRevision (sysRevision bigint NOT NULL)
";

/// Tables of mgccomp.
pub(super) const COMPLIANCE: &str = "\
CREATE TABLE dbo.tblComplianceData (cmplEventID bigint NOT NULL PRIMARY KEY, entryDate datetime NOT NULL, \
cmplType int NOT NULL, cmplTime datetime NOT NULL, cmplChannelUri nvarchar(256) NULL, cmplChatID bigint NULL, \
cmplUserID int NULL, cmplUserUri nvarchar(256) NULL, cmplMessage nvarchar(max) NULL)
CREATE TABLE dbo.tblComplianceState (lastProcessedEntryID bigint NOT NULL, activeServerID int NOT NULL, \
lockExpirationTime datetime NULL)
INSERT INTO dbo.tblComplianceState (lastProcessedEntryID, activeServerID) VALUES (0, -1)
";
