//! The process that owns what a run has made, and whether it still lives.
//!
//! A process is told by the machine's boot, its number and when it was started,
//! so that a number that is used again is no life.

/// This process, as no other one is called on this machine before its next boot, nor on another machine.
pub(crate) fn this_process() -> String {
    let id = std::process::id();
    process(id).unwrap_or_else(|| format!("unknown:{id}:0"))
}

/// A process that lives now; none if there is none of this number, or this system does not tell.
fn process(id: u32) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The program's name stands in brackets and may hold anything; the start time is the twentieth field behind it.
    let started = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{}:{id}:{started}", boot.trim()))
}

/// Whether the process that owns something is certainly gone. One of another machine, or of an unknown one, is not.
pub(crate) fn is_dead(owner: &str) -> bool {
    let mut parts = owner.split(':');
    let (Some(boot), Some(id)) = (parts.next(), parts.next().and_then(|id| id.parse::<u32>().ok())) else {
        return false;
    };
    let this_boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot == this_boot.trim() && process(id).as_deref() != Some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives() {
        assert!(!is_dead(&this_process()));
    }

    #[test]
    fn a_process_whose_number_was_used_again_is_dead() {
        let living = this_process();
        let (boot_and_id, _) = living.rsplit_once(':').unwrap();
        assert!(is_dead(&format!("{boot_and_id}:1")));
    }

    #[rstest::rstest]
    #[case::of_another_machine("5c7d0000-0000-0000-0000-000000000000:1:1")]
    #[case::unreadable("nonsense")]
    fn a_process_that_cannot_be_told_of_is_left_alone(#[case] owner: &str) {
        assert!(!is_dead(owner));
    }
}
