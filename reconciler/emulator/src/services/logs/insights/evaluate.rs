//! Runs the commands of a query over the lines of a log.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::LogEvent;
use super::language::{Aggregate, Command, Comparison, Field, Group, Test};

/// A line, with its message as JSON where it is that.
struct Line<'a> {
    event: &'a LogEvent,
    json: Option<Value>,
    number: usize,
}

type Row = Vec<(String, String)>;

fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string()
}

impl Line<'_> {
    fn value(&self, field: &Field) -> Option<String> {
        match field.written.as_str() {
            "@timestamp" | "@ingestionTime" => Some(stamp(self.event.at)),
            "@message" => Some(self.event.message.clone()),
            "@logStream" => Some(self.event.stream.clone()),
            _ => {
                let start = self.json.as_ref()?;
                let found = field.path.iter().try_fold(start, |node, name| match node {
                    Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                    node => node.get(name),
                })?;
                match found {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    // true is 1 to Logs Insights.
                    Value::Bool(value) => Some(i32::from(*value).to_string()),
                    other => Some(other.to_string()),
                }
            }
        }
    }

    fn meets(&self, test: &Test) -> bool {
        match test {
            Test::And(one, two) => self.meets(one) && self.meets(two),
            Test::Or(one, two) => self.meets(one) || self.meets(two),
            Test::Not(test) => !self.meets(test),
            Test::Present(field) => self.value(field).is_some(),
            Test::In(field, values) => self.value(field).is_some_and(|value| values.contains(&value)),
            Test::Like(field, pattern) => self.value(field).is_some_and(|value| pattern.is_match(&value)),
            Test::Compared(field, comparison, with) => match self.value(field) {
                None => *comparison == Comparison::Unequal,
                Some(value) => is_so(order(&value, with), *comparison),
            },
        }
    }
}

/// As numbers where both are, else as texts.
fn order(one: &str, two: &str) -> Ordering {
    match (one.parse::<f64>(), two.parse::<f64>()) {
        (Ok(one), Ok(two)) => one.partial_cmp(&two).unwrap_or(Ordering::Equal),
        _ => one.cmp(two),
    }
}

fn is_so(order: Ordering, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::More => order.is_gt(),
        Comparison::MoreOrEqual => order.is_ge(),
    }
}

/// The rows of a query, and how many lines it matched.
pub(super) fn rows(commands: &[Command], events: &[&LogEvent], limit: usize) -> (Vec<Row>, usize) {
    let line = |(number, event): (usize, &&'_ LogEvent)| -> (usize, Timestamp) { (number, event.at) };
    let mut numbers: Vec<(usize, Timestamp)> = events.iter().enumerate().map(line).collect();
    // The newest first, unless a query says otherwise.
    numbers.sort_by_key(|(number, at)| (std::cmp::Reverse(*at), *number));
    let mut lines: Vec<Line<'_>> = numbers
        .into_iter()
        .map(|(number, _)| Line {
            event: events[number],
            json: serde_json::from_str(&events[number].message).ok(),
            number,
        })
        .collect();
    let mut table: Option<Vec<Row>> = None;
    let mut shown: Vec<Field> = Vec::new();
    let mut most = limit;
    let mut sorts: Vec<&Vec<(String, bool)>> = Vec::new();
    for command in commands {
        match command {
            Command::Filter(test) => lines.retain(|line| line.meets(test)),
            Command::Show(fields) => shown.extend(fields.iter().cloned()),
            Command::Stats(aggregates, groups) => table = Some(grouped(&lines, aggregates, groups)),
            Command::Sort(by) => sorts.push(by),
            Command::Limit(count) => most = *count,
        }
    }
    let matched = lines.len();
    let mut rows = table.unwrap_or_else(|| lines.iter().map(|line| row(line, &shown)).collect());
    for by in sorts {
        rows.sort_by(|one, two| sorted(one, two, by));
    }
    rows.truncate(most);
    (rows, matched)
}

fn cell<'a>(row: &'a Row, column: &str) -> Option<&'a String> {
    row.iter().find(|(name, _)| name == column).map(|(_, value)| value)
}

fn sorted(one: &Row, two: &Row, by: &[(String, bool)]) -> Ordering {
    let compare = |(column, descending): &(String, bool)| {
        let found = match (cell(one, column), cell(two, column)) {
            (Some(one), Some(two)) => order(one, two),
            (one, two) => one.is_some().cmp(&two.is_some()),
        };
        if *descending { found.reverse() } else { found }
    };
    by.iter().map(compare).find(|found| found.is_ne()).unwrap_or(Ordering::Equal)
}

fn row(line: &Line<'_>, shown: &[Field]) -> Row {
    let usual = ["@timestamp", "@message"].map(|name| Field { written: name.to_owned(), path: vec![name.to_owned()] });
    let fields = if shown.is_empty() { &usual[..] } else { shown };
    let cells = fields.iter().filter_map(|field| Some((field.written.clone(), line.value(field)?)));
    cells.chain([("@ptr".to_owned(), format!("ptr-{}", line.number))]).collect()
}

fn grouped(lines: &[Line<'_>], aggregates: &[Aggregate], groups: &[Group]) -> Vec<Row> {
    let mut found: BTreeMap<Row, Vec<&Line<'_>>> = BTreeMap::new();
    for line in lines {
        let cell = |group: &Group| match group {
            Group::By(field) => Some((field.written.clone(), line.value(field)?)),
            Group::Bin(column, seconds) => {
                let at = line.event.at.as_second();
                let start = Timestamp::from_second(at - at.rem_euclid(*seconds)).ok()?;
                Some((column.clone(), stamp(start)))
            }
        };
        found.entry(groups.iter().filter_map(cell).collect()).or_default().push(line);
    }
    if groups.is_empty() {
        // Without groups there is one row, even of nothing.
        found.entry(Row::new()).or_default();
    }
    let with = |(key, lines): (Row, Vec<&Line<'_>>)| {
        let cells = aggregates.iter().filter_map(|one| Some((one.column.clone(), aggregated(one, &lines)?)));
        key.into_iter().chain(cells).collect()
    };
    found.into_iter().map(with).collect()
}

fn aggregated(one: &Aggregate, lines: &[&Line<'_>]) -> Option<String> {
    let Some(field) = &one.of else { return Some(lines.len().to_string()) };
    let values: Vec<String> = lines.iter().filter_map(|line| line.value(field)).collect();
    let numbers = || values.iter().filter_map(|value| value.parse::<f64>().ok());
    match one.function.as_str() {
        "count" => Some(values.len().to_string()),
        "count_distinct" => Some(values.iter().collect::<BTreeSet<_>>().len().to_string()),
        "sum" => Some(numbers().sum::<f64>().to_string()),
        "avg" => {
            let count = f64::from(u32::try_from(numbers().count()).unwrap_or(u32::MAX));
            (count > 0.0).then(|| (numbers().sum::<f64>() / count).to_string())
        }
        "min" => values.iter().min_by(|one, two| order(one, two)).cloned(),
        _ => values.iter().max_by(|one, two| order(one, two)).cloned(),
    }
}
