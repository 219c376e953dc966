#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| lyncshell::fuzzing::script(bytes));
