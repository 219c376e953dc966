//! Pipes with nothing on one side: what Windows PowerShell calls an empty pipe element.

/// Where the first empty pipe element of a script stands (a range of its bytes), if one does.
///
/// As in Windows PowerShell 5.1, lines may break after a pipe and not before one; the place is the one after the
/// pipe that lacks a command, or a pipe that nothing precedes. The text's dashes and quotes are plain already.
pub(super) fn empty_pipe_element(text: &str) -> Option<(usize, usize)> {
    let mut quote: Option<char> = None;
    // A pipe that still lacks its command, and the last character of the statement so far.
    let (mut pipe, mut before): (Option<usize>, Option<char>) = (None, None);
    let mut characters = text.char_indices().peekable();
    let mut neighbour = ' ';
    while let Some((at, c)) = characters.next() {
        let token_begins = neighbour.is_whitespace() || "|;({".contains(neighbour);
        neighbour = c;
        if let Some(kind) = quote {
            match c {
                '`' if kind == '"' => drop(characters.next()),
                _ if c == kind => quote = None,
                _ => {}
            }
            continue;
        }
        let next = characters.peek().map(|(_, next)| *next);
        match c {
            '<' if next == Some('#') => {
                let end = text[at..].find("#>").map_or(text.len(), |length| at + length + 2);
                while characters.next_if(|(place, _)| *place < end).is_some() {}
                continue;
            }
            '#' if token_begins => {
                while characters.next_if(|(_, c)| *c != '\n').is_some() {}
                continue;
            }
            // `||` is another mistake.
            '|' if next == Some('|') => {
                characters.next();
                pipe = None;
            }
            '|' => {
                if pipe.is_some() {
                    break;
                }
                if before.is_none_or(|last| matches!(last, ';' | '{' | '(' | '\n')) {
                    return Some((at, at + 1));
                }
                pipe = Some(at);
            }
            ';' | ')' | '}' if pipe.is_some() => break,
            '`' => drop(characters.next()),
            '\'' | '"' => {
                quote = Some(c);
                pipe = None;
            }
            _ if !c.is_whitespace() => pipe = None,
            _ => {}
        }
        // Blanks do not count, and a line's end only where it ends a statement.
        if !c.is_whitespace() || (c == '\n' && pipe.is_none()) {
            before = Some(c);
        }
    }
    pipe.map(|at| (at + 1, at + 1))
}

#[cfg(test)]
mod tests {
    use super::empty_pipe_element;

    #[rstest::rstest]
    #[case::after("Get-CsPool |", Some(12))]
    #[case::after_and_a_line("Get-CsPool |\n", Some(12))]
    #[case::before("| Get-CsPool", Some(0))]
    #[case::between("Get-CsPool | | ft", Some(12))]
    #[case::statement("1; Get-CsPool |; 2", Some(15))]
    #[case::block("if ($true) { Get-CsPool | }", Some(25))]
    #[case::subexpression("$(Get-CsPool |)", Some(14))]
    #[case::a_new_line("Get-CsPool\n| ft", Some(11))]
    #[case::comment("Get-CsPool | # nothing", Some(12))]
    #[case::whole("Get-CsPool | ft", None)]
    #[case::broken_line("Get-CsPool |\n  ft", None)]
    #[case::commented("Get-CsPool | <# to #> ft # |", None)]
    #[case::string("'a |' | ft; \"|\"", None)]
    #[case::escaped("Write-Output `|", None)]
    #[case::commented_out("Get-CsPool # | Get-CsService |", None)]
    #[case::other("a || b", None)]
    fn a_pipe_with_nothing_on_one_side_is_found(#[case] script: &str, #[case] at: Option<usize>) {
        assert_eq!(empty_pipe_element(script).map(|(start, _)| start), at);
    }
}
