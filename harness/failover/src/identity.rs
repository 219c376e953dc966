//! How a pool is called. Microsoft's own texts spell one pool five ways.

/// The pool's fully qualified name in any of the documented spellings: `service:FQDN`, `service: FQDN`,
/// `PersistentChatServer:FQDN`, `service:PersistentChatServer:FQDN`, or the bare name.
pub fn pool_fqdn(text: &str) -> Option<String> {
    let mut rest = text.trim();
    while let Some((prefix, after)) = rest.split_once(':') {
        let prefix = prefix.trim();
        if !prefix.eq_ignore_ascii_case("service") && !prefix.eq_ignore_ascii_case("PersistentChatServer") {
            return None;
        }
        rest = after.trim();
    }
    let plausible = !rest.is_empty()
        && rest.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        });
    plausible.then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("atl-cs-001.litwareinc.com")]
    #[case("service:atl-cs-001.litwareinc.com")]
    #[case("service: atl-cs-001.litwareinc.com")]
    #[case("PersistentChatServer:atl-cs-001.litwareinc.com")]
    #[case("Service:persistentchatserver:atl-cs-001.litwareinc.com ")]
    fn every_documented_spelling_names_the_same_pool(#[case] text: &str) {
        assert_eq!(pool_fqdn(text).as_deref(), Some("atl-cs-001.litwareinc.com"));
    }

    #[rstest]
    #[case("")]
    #[case("service:")]
    #[case("registrar:atl-cs-001.litwareinc.com")]
    #[case("atl cs.litwareinc.com")]
    #[case("atl..com")]
    #[case("atl';rm")]
    fn what_names_no_chat_pool_is_refused(#[case] text: &str) {
        assert_eq!(pool_fqdn(text), None);
    }
}
