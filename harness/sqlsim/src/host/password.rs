//! SQL Server's password policy, as far as it looks at one password alone.
//!
//! Microsoft, "Password policy": a complex password has at least eight
//! characters from three of four sets, does not hold the account's name, and
//! may be up to 128 characters long.

/// The fewest characters of a password.
pub const CHARACTERS_MIN: usize = 8;
/// The most characters of a password.
pub const CHARACTERS_MAX: usize = 128;
/// Of upper case, lower case, digits and symbols, so many have to be there.
pub const SETS_MIN: usize = 3;

/// What a password lacks. The texts read after "the password …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Too few characters.
    #[error("has fewer than {CHARACTERS_MIN} characters")]
    TooShort,
    /// Too many characters.
    #[error("has more than {CHARACTERS_MAX} characters")]
    TooLong,
    /// Too few kinds of characters.
    #[error("has characters from fewer than three of upper case, lower case, digits and symbols")]
    TooSimple,
}

/// Looks at a password.
///
/// # Errors
/// What it lacks.
pub fn check(password: &str) -> Result<(), Weakness> {
    let characters = password.chars().count();
    if characters < CHARACTERS_MIN {
        return Err(Weakness::TooShort);
    }
    if characters > CHARACTERS_MAX {
        return Err(Weakness::TooLong);
    }
    let sets: [fn(char) -> bool; 4] =
        [char::is_uppercase, char::is_lowercase, char::is_numeric, |c| !c.is_alphanumeric()];
    let found = sets.iter().filter(|set| password.chars().any(*set)).count();
    if found < SETS_MIN { Err(Weakness::TooSimple) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::eight_from_three_sets("Passw0rd", Ok(()))]
    #[case::symbols_count("pass-w0rd", Ok(()))]
    #[case::another_script("비밀번호Ab1-", Ok(()))]
    #[case::seven("Pa55-wd", Err(Weakness::TooShort))]
    #[case::nothing("", Err(Weakness::TooShort))]
    #[case::two_sets("password1234", Err(Weakness::TooSimple))]
    #[case::one_set("passwordpassword", Err(Weakness::TooSimple))]
    fn a_password_has_eight_characters_from_three_sets(
        #[case] password: &str,
        #[case] verdict: Result<(), Weakness>,
    ) {
        assert_eq!(check(password), verdict);
    }

    #[test]
    fn a_password_has_128_characters_at_most() {
        let longest = "Aa1".repeat(42) + "xy";
        assert_eq!(check(&longest), Ok(()));
        assert_eq!(check(&(longest + "z")), Err(Weakness::TooLong));
    }
}
