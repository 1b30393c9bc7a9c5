//! Values of conditions in one spelling for each meaning, and values that mean nothing to their operator.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::condition::{Family, Operator};
use super::{glob, network};

/// The value in the spelling that all of its meaning share; what the operator cannot read stays as it is.
pub(super) fn canonical(operator: Operator, text: &str) -> String {
    read(operator, text).ok().flatten().unwrap_or_else(|| text.to_owned())
}

/// What is wrong with a value; `None` where nothing is, and where a variable or a placeholder stands for it.
pub(super) fn problem(operator: Operator, text: &str) -> Option<String> {
    let expected = match read(operator, text) {
        Err(expected) => expected,
        Ok(_) if glob::has_variable(text) => return None,
        // What only a declaration is asked for: a live one means what it means, in whatever spelling.
        Ok(_) => match operator.family {
            Family::Arn if !may_be_an_arn(text) => "an ARN or a pattern of ARNs, such as arn:aws:iam::*:role/NAME",
            Family::Binary if !is_base64(text) => "base64",
            _ => return None,
        },
    };
    Some(format!("`{text}` is not {expected}"))
}

/// Whether a text is an ARN, or a pattern that ARNs may match: IAM compares six parts.
fn may_be_an_arn(text: &str) -> bool {
    let is_pattern = text.contains(['*', '?']);
    let first = text.split(':').next().unwrap_or_default();
    let parts = text.splitn(6, ':').count();
    glob::contains(first, "arn") && (parts == 6 || is_pattern)
}

/// Whether a text is base64, in whole groups of four.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    text.len().is_multiple_of(4) && text.len() - digits.len() <= 2 && !digits.is_empty() && digits.bytes().all(plain)
}

/// The canonical spelling where it may be another one; an error says what the operator takes.
fn read(operator: Operator, text: &str) -> Result<Option<String>, &'static str> {
    if glob::has_variable(text) {
        return Ok(None);
    }
    match operator.family {
        Family::Bool | Family::Null => match text.to_ascii_lowercase() {
            word if word == "true" || word == "false" => Ok(Some(word)),
            _ => Err("`true` or `false`"),
        },
        Family::CaselessText => Ok(Some(text.to_ascii_lowercase())),
        Family::Address => network::canonical(text).map(Some).ok_or("an IP address or a network such as 192.0.2.0/24"),
        Family::Number => number(text).map(Some).ok_or("a number"),
        Family::Date => instant(text).map(Some).ok_or("a date such as 2026-01-31T00:00:00Z, or seconds since 1970"),
        Family::Text | Family::Pattern | Family::Arn | Family::Binary => Ok(None),
    }
}

/// A decimal number without zeros that say nothing. One with an exponent stays as it is.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !plain(whole) || !plain(fraction) {
        return text.parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| text.to_owned());
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if whole == "0" && fraction.is_empty() { "" } else { sign };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

/// An instant as `2026-01-31T00:00:00Z`, from that and the other spellings of ISO 8601, and from seconds since 1970.
fn instant(text: &str) -> Option<String> {
    let utc = |civil: DateTime| civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let found = match text.parse::<i64>() {
        // Four digits are a year: the first hour of 1970 is in no policy.
        Ok(_) if text.len() == 4 => {
            utc(format!("{text}-01-01").parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight()))
        }
        Ok(seconds) => Timestamp::from_second(seconds).ok(),
        Err(_) => {
            let zoned = || text.parse::<Timestamp>().ok();
            let civil = || utc(text.trim_end_matches('Z').parse::<DateTime>().ok()?);
            zoned().or_else(civil)
        }
    };
    found.map(|found| found.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::condition::operator;
    use crate::policy::document::Caseless;

    fn of(name: &str, text: &str) -> String {
        canonical(operator(&Caseless::new(name)).expect("an operator"), text)
    }

    fn wrong(name: &str, text: &str) -> bool {
        problem(operator(&Caseless::new(name)).expect("an operator"), text).is_some()
    }

    #[test]
    fn every_spelling_of_one_meaning_is_one() {
        for (operator, spellings) in [
            ("Bool", &["false", "False", "FALSE"][..]),
            ("Null", &["true", "True"]),
            ("StringEqualsIgnoreCase", &["team", "Team"]),
            ("IpAddress", &["192.0.2.7", "192.0.2.7/32"]),
            ("NotIpAddress", &["10.0.0.0/8", "10.1.2.3/8"]),
            ("IpAddress", &["2001:db8::/32", "2001:0DB8:0:0::/32", "2001:db8:0:0:0:0:0:1/32"]),
            ("NumericLessThan", &["3600", "3600.0", "+3600", "03600."]),
            ("NumericEquals", &["0", "-0.0"]),
            (
                "DateLessThan",
                &[
                    "2026-01-31T00:00:00Z",
                    "2026-01-31T00:00:00.000Z",
                    "2026-01-31",
                    "2026-01-31T00:00Z",
                    "2026-01-31T01:00:00+01:00",
                    "1769817600",
                ],
            ),
        ] {
            let all: Vec<String> = spellings.iter().map(|text| of(operator, text)).collect();
            assert!(all.iter().all(|one| *one == all[0]), "{operator} {all:?}");
            assert_eq!(of(operator, &all[0]), all[0]);
            assert!(!spellings.iter().any(|text| wrong(operator, text)), "{operator}");
        }
        for (operator, one, two) in [
            ("StringEquals", "team", "Team"),
            ("IpAddress", "192.0.2.7", "192.0.2.7/31"),
            ("NumericLessThan", "3600", "36000"),
            ("NumericLessThan", "-1", "1"),
            ("DateLessThan", "2026-01-31", "2026-01-31T00:00:00.001Z"),
        ] {
            assert_ne!(of(operator, one), of(operator, two), "{operator}");
        }
    }

    #[test]
    fn what_means_nothing_to_the_operator_is_told() {
        for (operator, text) in [
            ("Bool", "no"),
            ("Null", "1"),
            ("IpAddress", "192.0.2.7/33"),
            ("IpAddress", "192.0.2.7/08"),
            ("ArnLike", "not-an-arn"),
            ("ArnLike", "role/*"),
            ("ArnEquals", "arn:aws:iam:role"),
            ("BinaryEquals", "***"),
            ("BinaryEquals", "QmluYX="),
            ("NotIpAddress", "anywhere"),
            ("NumericLessThan", "many"),
            ("NumericLessThan", "NaN"),
            ("DateGreaterThan", "tomorrow"),
            ("DateGreaterThan", "2026-13-01"),
        ] {
            assert!(wrong(operator, text), "{operator} {text}");
            assert_eq!(of(operator, text), text);
        }
        assert!(!wrong("Bool", "${aws:PrincipalTag/on}"));
        assert!(!wrong("StringEquals", "anything"));
    }
}
