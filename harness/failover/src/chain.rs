//! Which log backups continue the database, decided by LSN alone.
//!
//! Pure: headers in, a chain with its holes out. File names and dates decide nothing. A log backup applies
//! when it begins at or before the redo point and ends after it (an earlier end is error 4326, a later
//! begin error 4305).

use crate::sql::Lsn;
use std::collections::BTreeSet;
use uuid::Uuid;

/// What a backup set holds (`BackupType` of RESTORE HEADERONLY).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BackupKind {
    /// 1.
    Full,
    /// 2.
    Log,
    /// 5.
    Differential,
    /// Files, filegroups, partial.
    Other,
}

/// Where a file lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// In the folder from which the backup server restores.
    CopyDestination,
    /// On the backup share.
    Share,
}

/// One backup set: its file, its position in it, and what its header says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BackupSet {
    pub(crate) place: Place,
    pub(crate) file: String,
    pub(crate) position: i64,
    pub(crate) kind: BackupKind,
    pub(crate) database: String,
    pub(crate) first_lsn: Lsn,
    pub(crate) last_lsn: Lsn,
    pub(crate) first_fork: Option<Uuid>,
    pub(crate) fork: Option<Uuid>,
    pub(crate) family: Option<Uuid>,
    pub(crate) set: Option<Uuid>,
    /// In the local time of the server that wrote it.
    pub(crate) started: Option<jiff::civil::DateTime>,
    pub(crate) finished: Option<jiff::civil::DateTime>,
    pub(crate) is_damaged: bool,
}

impl BackupSet {
    /// Where exactly it is: the file and the set in it.
    pub(crate) fn spot(&self) -> Spot {
        Spot { place: self.place, file: self.file.clone(), position: self.position }
    }
}

/// One backup set's whereabouts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) place: Place,
    pub(crate) file: String,
    pub(crate) position: i64,
}

/// Where the database stands, and how to know its backups.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Position {
    /// Its name.
    pub(crate) database: String,
    /// The log is applied up to here; none if nobody knows.
    pub(crate) redo: Option<Lsn>,
    /// The recovery path it is on.
    pub(crate) fork: Option<Uuid>,
    /// What all its backups have in common, whatever it is called.
    pub(crate) family: Option<Uuid>,
}

/// Why a log backup is not one of the database's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// It belongs to another database.
    OtherDatabase,
    /// It was taken after the database was recovered at another point (error 4330).
    OtherRecoveryPath,
}

/// A hole: the chain ends at `from`, and the next log backup that exists begins at `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) from: Lsn,
    pub(crate) to: Lsn,
    pub(crate) next_file: String,
}

/// What can be applied, and what cannot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Chain {
    /// To be applied, in this order.
    pub(crate) links: Vec<BackupSet>,
    /// The holes after the links, in order.
    pub(crate) holes: Vec<Hole>,
    /// Log backups behind the first hole: they exist and cannot be applied.
    pub(crate) unreachable: Vec<BackupSet>,
    /// Log backups that are not this database's.
    pub(crate) foreign: Vec<(BackupSet, Foreign)>,
    /// Log backups whose own header says that they are damaged, and that nothing else replaces.
    pub(crate) damaged: Vec<BackupSet>,
    /// Log backups that are applied already.
    pub(crate) applied: Vec<BackupSet>,
    /// Where the chain ends.
    pub(crate) end: Option<Lsn>,
}

/// Builds the chain from `position` over `sets`, leaving out what was `refused` (by the server or by us).
pub(crate) fn chain(position: &Position, sets: &[BackupSet], refused: &BTreeSet<Spot>) -> Chain {
    let mut found = Chain::default();
    let mut candidates: Vec<&BackupSet> = Vec::new();
    for set in sets.iter().filter(|set| set.kind == BackupKind::Log && !refused.contains(&set.spot())) {
        match foreign(position, set) {
            Some(Foreign::OtherDatabase) => found.foreign.push((set.clone(), Foreign::OtherDatabase)),
            _ if set.is_damaged => found.damaged.push(set.clone()),
            _ => candidates.push(set),
        }
    }
    let Some(first) = candidates.iter().map(|set| set.first_lsn).min() else {
        found.end = position.redo;
        return found;
    };
    let start = position.redo.unwrap_or(first);
    let (mut point, mut fork) = (start, position.fork);
    let mut reachable = true;
    loop {
        while let Some(next) = best(&candidates, point, fork) {
            point = next.last_lsn;
            fork = next.fork.or(fork);
            if reachable {
                found.links.push(next.clone());
                found.end = Some(point);
            } else {
                found.unreachable.push(next.clone());
            }
        }
        // Log backups of an abandoned recovery path begin anywhere: they leave no hole.
        let beyond = candidates.iter().filter(|set| set.first_lsn > point && on_path(set, fork));
        let Some(next) = beyond.min_by_key(|set| (set.first_lsn, set.place, set.file.clone())) else { break };
        found.holes.push(Hole { from: point, to: next.first_lsn, next_file: next.file.clone() });
        reachable = false;
        point = next.first_lsn;
    }
    found.end = found.end.or(Some(start));
    let end = found.end.unwrap_or(start);
    for set in &candidates {
        if set.last_lsn <= start {
            found.applied.push((*set).clone());
        } else if set.last_lsn > end && !on_path(set, fork) {
            found.foreign.push(((*set).clone(), Foreign::OtherRecoveryPath));
        }
    }
    // A damaged set that an intact one replaces, or that is applied already, hurts nobody.
    found.damaged.retain(|set| set.last_lsn > end);
    found
}

fn foreign(position: &Position, set: &BackupSet) -> Option<Foreign> {
    let another_family = matches!((position.family, set.family), (Some(ours), Some(its)) if ours != its);
    let another_name = !set.database.eq_ignore_ascii_case(&position.database);
    // The name alone is not enough to belong, and another name alone is enough not to.
    (another_family || another_name).then_some(Foreign::OtherDatabase)
}

/// Whether a log backup begins on the recovery path.
fn on_path(set: &BackupSet, fork: Option<Uuid>) -> bool {
    match (fork, set.first_fork.or(set.fork), set.fork) {
        (Some(ours), Some(first), Some(last)) => ours == first || ours == last,
        _ => true,
    }
}

/// The log backup that carries the database furthest from `point`; the copy that lies nearest to the server.
fn best<'a>(candidates: &[&'a BackupSet], point: Lsn, fork: Option<Uuid>) -> Option<&'a BackupSet> {
    candidates
        .iter()
        .filter(|set| set.first_lsn <= point && set.last_lsn > point && on_path(set, fork))
        .min_by(|a, b| {
            (std::cmp::Reverse(a.last_lsn), a.place, &a.file, a.position).cmp(&(
                std::cmp::Reverse(b.last_lsn),
                b.place,
                &b.file,
                b.position,
            ))
        })
        .copied()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A log backup of mgc from `first` to `last`.
    pub(crate) fn log(file: &str, first: u128, last: u128) -> BackupSet {
        BackupSet {
            place: Place::Share,
            file: file.to_owned(),
            position: 1,
            kind: BackupKind::Log,
            database: "mgc".to_owned(),
            first_lsn: Lsn(first),
            last_lsn: Lsn(last),
            first_fork: None,
            fork: None,
            family: None,
            set: None,
            started: None,
            finished: None,
            is_damaged: false,
        }
    }

    fn at(redo: u128) -> Position {
        Position { database: "mgc".to_owned(), redo: Some(Lsn(redo)), fork: None, family: None }
    }

    fn files(sets: &[BackupSet]) -> Vec<&str> {
        sets.iter().map(|set| set.file.as_str()).collect()
    }

    fn of(redo: u128, sets: &[BackupSet]) -> Chain {
        chain(&at(redo), sets, &BTreeSet::new())
    }

    #[test]
    fn log_backups_are_applied_in_the_order_of_their_lsns_whatever_they_are_called() {
        let found = of(10, &[log("a", 30, 40), log("z", 10, 20), log("m", 20, 30)]);
        assert_eq!(files(&found.links), ["z", "m", "a"]);
        assert!(found.holes.is_empty());
    }

    #[test]
    fn what_is_applied_is_not_applied_again() {
        let found = of(20, &[log("1", 0, 10), log("2", 10, 20), log("3", 20, 30)]);
        assert_eq!((files(&found.applied), files(&found.links)), (vec!["1", "2"], vec!["3"]));
    }

    #[test]
    fn a_missing_log_backup_ends_the_chain_and_is_named_by_its_lsns() {
        let found = of(10, &[log("1", 10, 20), log("3", 30, 40), log("4", 40, 50), log("6", 60, 70)]);
        assert_eq!(files(&found.links), ["1"]);
        assert_eq!(files(&found.unreachable), ["3", "4", "6"]);
        let holes: Vec<_> = found.holes.iter().map(|hole| (hole.from.0, hole.to.0)).collect();
        assert_eq!(holes, [(20, 30), (50, 60)]);
        assert_eq!(found.end, Some(Lsn(20)));
    }

    #[test]
    fn a_log_backup_of_another_database_with_our_name_is_foreign() {
        let family = |n| Some(Uuid::from_u128(n));
        let mut theirs = log("2", 20, 30);
        theirs.family = family(2);
        let mut ours = log("1", 10, 20);
        ours.family = family(1);
        let position = Position { family: family(1), ..at(10) };
        let found = chain(&position, &[ours, theirs], &BTreeSet::new());
        assert_eq!(files(&found.links), ["1"]);
        assert_eq!(found.foreign[0].1, Foreign::OtherDatabase);
    }

    #[test]
    fn log_backups_of_an_abandoned_recovery_path_are_refused_and_leave_no_hole() {
        let fork = |n| Some(Uuid::from_u128(n));
        let on =
            |file, first, last, n| BackupSet { first_fork: fork(n), fork: fork(n), ..log(file, first, last) };
        let position = Position { fork: fork(1), ..at(10) };
        let found = chain(&position, &[on("ours", 10, 20, 1), on("theirs", 20, 30, 2)], &BTreeSet::new());
        assert_eq!(files(&found.links), ["ours"]);
        assert!(found.holes.is_empty());
        assert_eq!(found.foreign[0].1, Foreign::OtherRecoveryPath);
    }

    #[test]
    fn a_log_backup_that_changes_the_recovery_path_carries_the_chain_over() {
        let fork = |n| Some(Uuid::from_u128(n));
        let change = BackupSet { first_fork: fork(1), fork: fork(2), ..log("change", 20, 30) };
        let after = BackupSet { first_fork: fork(2), fork: fork(2), ..log("after", 30, 40) };
        let position = Position { fork: fork(1), ..at(20) };
        let found = chain(&position, &[after, change], &BTreeSet::new());
        assert_eq!(files(&found.links), ["change", "after"]);
    }

    #[test]
    fn the_copy_next_to_the_server_is_preferred_and_the_original_replaces_a_refused_copy() {
        let copy = BackupSet { place: Place::CopyDestination, ..log("1", 10, 20) };
        let sets = [log("1", 10, 20), copy.clone()];
        assert_eq!(of(10, &sets).links[0].place, Place::CopyDestination);
        let refused = BTreeSet::from([copy.spot()]);
        assert_eq!(chain(&at(10), &sets, &refused).links[0].place, Place::Share);
    }

    #[test]
    fn a_damaged_set_counts_only_if_nothing_intact_replaces_it() {
        let damaged = |file, first, last| BackupSet { is_damaged: true, ..log(file, first, last) };
        let found = of(10, &[damaged("x", 10, 20), log("1", 10, 20), damaged("2", 20, 30)]);
        assert_eq!((files(&found.links), files(&found.damaged)), (vec!["1"], vec!["2"]));
    }

    #[test]
    fn fulls_and_differentials_are_no_part_of_the_chain() {
        let full = BackupSet { kind: BackupKind::Full, ..log("full", 10, 40) };
        let differential = BackupSet { kind: BackupKind::Differential, ..log("diff", 10, 40) };
        let found = of(10, &[full, differential, log("1", 10, 20)]);
        assert_eq!(files(&found.links), ["1"]);
        assert!(found.holes.is_empty());
    }

    proptest! {
        /// However a log is cut into backups, whatever order and duplicates they come in: the chain never
        /// skips an LSN, and without a missing piece it reaches the end.
        #[test]
        fn a_chain_never_skips_an_lsn_and_reaches_the_end_if_nothing_is_missing(
            cuts in proptest::collection::btree_set(1u128..1000, 2..12),
            start in 0usize..4,
            missing in proptest::option::of(0usize..10),
            order in proptest::collection::vec(any::<u16>(), 24),
            duplicates in proptest::collection::vec(0usize..10, 0..4),
        ) {
            let cuts: Vec<u128> = cuts.into_iter().collect();
            let mut sets: Vec<BackupSet> =
                cuts.windows(2).enumerate().map(|(n, cut)| log(&format!("f{n}"), cut[0], cut[1])).collect();
            let start = cuts[start % cuts.len()];
            let whole = sets.clone();
            let gone = missing.map(|n| n % sets.len()).map(|n| sets.remove(n));
            for duplicate in duplicates {
                let copy = whole[duplicate % whole.len()].clone();
                if gone.as_ref() != Some(&copy) {
                    sets.push(BackupSet { file: format!("{}-again", copy.file), ..copy });
                }
            }
            let mut keyed: Vec<_> = sets.into_iter().zip(order.iter().cycle()).collect();
            keyed.sort_by_key(|(_, key)| **key);
            let sets: Vec<BackupSet> = keyed.into_iter().map(|(set, _)| set).collect();

            let found = of(start, &sets);
            let mut point = Lsn(start);
            for link in &found.links {
                prop_assert!(link.first_lsn <= point && link.last_lsn > point);
                point = link.last_lsn;
            }
            let end = *cuts.last().unwrap();
            let expected = match &gone {
                Some(gone) if gone.last_lsn.0 > start => gone.first_lsn.0.max(start),
                _ => end,
            };
            prop_assert_eq!(point.0.max(start), expected);
            let hole_expected = gone.is_some_and(|gone| gone.last_lsn.0 > start && gone.last_lsn.0 < end);
            prop_assert_eq!(!found.holes.is_empty(), hole_expected);
        }
    }
}
