//! The tree of one manifest as it is written: where every key and value stands, and how it was spelled.
//!
//! Built from the events of `saphyr-parser`; values are not read here. Guarantees: aliases are counted, never expanded;
//! what is built is at most [`MAX_DEPTH`] deep, so that every later walk may recurse.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use crate::codes;
use crate::diagnostic::{Diagnostic, Place};
use crate::tree::{ListKeys, Path};

/// How deep a manifest may be nested, aliases included: what `serde_yaml` reads too.
pub(super) const MAX_DEPTH: usize = 128;
/// How many nodes a manifest with aliases may have once they are expanded.
const MAX_NODES: usize = 100_000;
/// How much text a manifest with aliases may have once they are expanded.
const MAX_TEXT: usize = 16 << 20;

/// One value, where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) shape: Shape,
}

#[derive(Debug)]
pub(super) enum Shape {
    Scalar(Scalar),
    Sequence(Vec<Arc<Node>>),
    Mapping(Vec<Entry>),
}

/// A scalar as it is spelled, before anything takes it for a number.
#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Written without quotes, so that a YAML reader may take it for something else than text.
    pub(super) plain: bool,
    /// How many columns after the node the text begins, when it stands there character by character.
    pub(super) verbatim: Option<usize>,
}

/// What was read of a manifest.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) node: Arc<Node>,
    /// Whether every key and scalar stands on one line, character by character, in a text without anything that readers of YAML
    /// have ever read in two ways: see [`is_plain`].
    pub(super) is_plain: bool,
}

/// One member of a mapping.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) value: Arc<Node>,
}

impl Node {
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.shape {
            Shape::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    pub(super) fn place(&self, file: &str) -> Place {
        Place { file: file.to_owned(), line: self.line, column: self.column }
    }

    /// The raw text of a scalar.
    pub(super) fn raw(&self) -> Option<&str> {
        match &self.shape {
            Shape::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Whether nothing is written here: an empty manifest, or a key without a value.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.shape, Shape::Scalar(scalar) if scalar.plain && matches!(scalar.text.as_str(), "" | "~" | "null"))
    }

    /// Where the deepest node on `path` is that exists.
    ///
    /// A segment below a list is a natural key, as in normal forms, or an index, as in the source. Scalars are found at
    /// their value, mappings and lists at their key: that is what a reader looks for.
    pub(super) fn find(&self, path: &Path, keys: &ListKeys) -> Option<Found<'_>> {
        let mut found: Option<Found<'_>> = None;
        let mut node = self;
        let mut way = Path::root();
        for segment in path.segments() {
            let next = match &node.shape {
                Shape::Scalar(_) => None,
                Shape::Mapping(_) => node.entry(segment).map(|entry| match entry.value.shape {
                    Shape::Scalar(_) if !entry.value.is_empty() => Found::at(&entry.value),
                    _ => Found { line: entry.line, column: entry.column, node: &entry.value },
                }),
                Shape::Sequence(items) => {
                    let keyed = keys.key_of(&way).and_then(|key| element(items, key, segment));
                    keyed.or_else(|| items.get(segment.parse::<usize>().ok()?)).map(|item| Found::at(item))
                }
            };
            let Some(next) = next else { break };
            node = next.node;
            way = way.child(segment);
            found = Some(next);
        }
        found
    }

    /// Where the key of the last segment of `path` is; `None` when it is not a key.
    pub(super) fn find_key(&self, path: &Path, keys: &ListKeys) -> Option<(usize, usize)> {
        let (last, way) = path.segments().split_last()?;
        let parent = match way {
            [] => self,
            way => self.find(&Path::of(way), keys)?.node,
        };
        parent.entry(last).map(|entry| (entry.line, entry.column))
    }
}

/// A node that was looked for, and the place to show for it.
pub(super) struct Found<'a> {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) node: &'a Node,
}

impl<'a> Found<'a> {
    fn at(node: &'a Node) -> Self {
        Self { line: node.line, column: node.column, node }
    }
}

/// The element whose natural key is `wanted`.
///
/// A key may be spelled with the mark of an unknown word, or hold placeholders: then its fixed parts decide.
fn element<'a>(items: &'a [Arc<Node>], key: &str, wanted: &str) -> Option<&'a Arc<Node>> {
    let spelled = |item: &'a Arc<Node>| item.entry(key).and_then(|entry| entry.value.raw());
    let unmarked = crate::open_enum::on_the_wire;
    items
        .iter()
        .find(|item| spelled(item) == Some(wanted))
        .or_else(|| items.iter().find(|item| spelled(item).map(unmarked) == Some(unmarked(wanted))))
        .or_else(|| items.iter().find(|item| spelled(item).is_some_and(|text| may_become(text, wanted))))
}

fn may_become(template: &str, text: &str) -> bool {
    let (Some(start), Some(end)) = (template.find("${"), template.rfind('}')) else { return false };
    start < end
        && text.len() >= start + template.len() - end - 1
        && text.starts_with(&template[..start])
        && text.ends_with(&template[end + 1..])
}

/// What a node weighs once its aliases are expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    text: usize,
    depth: usize,
}

impl Weight {
    fn add(&mut self, child: Weight) {
        self.nodes = self.nodes.saturating_add(child.nodes);
        self.text = self.text.saturating_add(child.text);
        self.depth = self.depth.max(child.depth + 1);
    }
}

/// A mapping or list that is being read.
struct Open {
    start: Marker,
    anchor: usize,
    weight: Weight,
    inside: Inside,
}

enum Inside {
    Sequence(Vec<Arc<Node>>),
    Mapping { entries: Vec<Entry>, seen: BTreeMap<String, usize>, key: Option<(String, Marker)> },
}

/// Whether a text has block mappings, block lists, comments, and scalars in quotes or without them, and nothing else of YAML: no
/// brackets, anchors, tags, blocks of text, escapes or tabs, and only ASCII. Characters that begin anything else are looked for
/// where a token may begin, so a text that has one after a space is not taken for plain either.
fn is_plain(text: &str) -> bool {
    let mut begins = true;
    for byte in text.bytes() {
        let is_odd = match byte {
            b'\n' | b' '..=b'~' => byte == b'\\' || (begins && b"[]{},&*!|>%@`?".contains(&byte)),
            _ => true,
        };
        if is_odd {
            return false;
        }
        begins = matches!(byte, b' ' | b'\n');
    }
    true
}

/// Reads one manifest; `None` when it holds nothing, or what it holds cannot be used. `first_line` is the line that the
/// manifest begins on.
pub(super) fn read(file: &str, text: &str, first_line: usize, problems: &mut Vec<Diagnostic>) -> Option<Read> {
    let mut builder = Builder {
        file,
        shift: first_line - 1,
        problems,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        aliases: false,
        is_plain: is_plain(text),
    };
    let before = builder.problems.len();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::StreamEnd, _)) => break,
            Ok((event, span)) => {
                builder.event(event, span)?;
            }
            Err(error) => {
                builder.syntax_error(text, *error.marker(), error.info());
                return None;
            }
        }
    }
    let is_plain = builder.is_plain;
    let root = builder.root.take();
    root.filter(|_| problems.len() == before).map(|node| Read { node, is_plain })
}

struct Builder<'a> {
    file: &'a str,
    shift: usize,
    problems: &'a mut Vec<Diagnostic>,
    open: Vec<Open>,
    /// Finished anchored nodes; `None` while the node is still open.
    anchors: HashMap<usize, Option<(Arc<Node>, Weight)>>,
    root: Option<Arc<Node>>,
    aliases: bool,
    is_plain: bool,
}

impl Builder<'_> {
    /// Takes one event in; `None` when reading on would be pointless or dangerous.
    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span.start);
                self.is_plain &= stands_as_it_is(&text, style, span);
                if self.awaits_key() {
                    return self.key(text.into_owned(), style, anchor, span);
                }
                let weight = Weight { nodes: 1, text: text.len(), depth: 1 };
                let scalar = scalar(text.into_owned(), style, span);
                self.add(span.start, Shape::Scalar(scalar), anchor, weight)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span.start);
                self.begin(span.start, anchor, Inside::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span.start);
                let inside = Inside::Mapping { entries: Vec::new(), seen: BTreeMap::new(), key: None };
                self.begin(span.start, anchor, inside)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.open.pop()?;
                let shape = match open.inside {
                    Inside::Sequence(items) => Shape::Sequence(items),
                    Inside::Mapping { entries, .. } => Shape::Mapping(entries),
                };
                self.add(open.start, shape, open.anchor, open.weight)
            }
            Event::Alias(anchor) => self.alias(anchor, span.start),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Some(())
            }
        }
    }

    fn place(&self, mark: Marker) -> Place {
        Place { file: self.file.to_owned(), line: mark.line() + self.shift, column: mark.col() + 1 }
    }

    fn report(&mut self, code: &str, mark: Marker, detail: impl Into<String>, remedy: &str) {
        let place = self.place(mark);
        self.problems.push(Diagnostic::new(code, Some(place), detail, remedy));
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, mark: Marker) {
        if let Some(tag) = tag {
            let detail = format!("the value has the tag `{tag}`; tags are not used in declarations");
            self.report(codes::SYNTAX, mark, detail, "remove the tag; quote the value if it is to be text");
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { inside: Inside::Mapping { key: None, .. }, .. }))
    }

    fn key(&mut self, text: String, style: ScalarStyle, anchor: usize, span: Span) -> Option<()> {
        let mark = span.start;
        if text == "<<" && style == ScalarStyle::Plain {
            let detail = "`<<` merges one mapping into another, which YAML 1.2 no longer has";
            self.report(codes::SYNTAX, mark, detail, "write the keys out, or use an alias for the whole value");
        }
        if anchor > 0 {
            let node = self.node(mark, Shape::Scalar(scalar(text.clone(), style, span)));
            self.anchors.insert(anchor, Some((node, Weight { nodes: 1, text: text.len(), depth: 1 })));
        }
        let line = mark.line() + self.shift;
        let length = text.len();
        let mut first = None;
        if let Some(Open { inside: Inside::Mapping { seen, key, .. }, weight, .. }) = self.open.last_mut() {
            weight.add(Weight { nodes: 1, text: length, depth: 0 });
            first = seen.insert(text.clone(), line);
            *key = Some((text.clone(), mark));
        }
        if let Some(first) = first {
            let detail = format!("`{text}` is given on line {first} and again on line {line}");
            self.report(codes::REPEATED_MEMBER, mark, detail, "remove one of the two");
        }
        Some(())
    }

    fn begin(&mut self, start: Marker, anchor: usize, inside: Inside) -> Option<()> {
        if self.awaits_key() {
            self.report(
                codes::SYNTAX,
                start,
                "a mapping or list stands where a key must be",
                "use text as key; quote text that begins with a bracket or brace",
            );
            return None;
        }
        if self.open.len() >= MAX_DEPTH {
            let detail = format!("nested more than {MAX_DEPTH} levels deep");
            self.report(codes::ALIAS_BOMB, start, detail, "no kind needs this depth; check where the file comes from");
            return None;
        }
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open { start, anchor, weight: Weight { nodes: 1, text: 0, depth: 1 }, inside });
        Some(())
    }

    fn alias(&mut self, anchor: usize, mark: Marker) -> Option<()> {
        self.aliases = true;
        if self.awaits_key() {
            self.report(codes::SYNTAX, mark, "an alias stands where a key must be", "write the key out");
            return None;
        }
        match self.anchors.get(&anchor).cloned() {
            Some(Some((node, weight))) => self.attach(node, weight, mark),
            _ => {
                self.report(
                    codes::ALIAS_BOMB,
                    mark,
                    "the alias refers to the value that it is a part of, which has no end",
                    "write the repeated part out",
                );
                None
            }
        }
    }

    fn node(&self, mark: Marker, shape: Shape) -> Arc<Node> {
        Arc::new(Node { line: mark.line() + self.shift, column: mark.col() + 1, shape })
    }

    fn add(&mut self, mark: Marker, shape: Shape, anchor: usize, weight: Weight) -> Option<()> {
        let node = self.node(mark, shape);
        if anchor > 0 {
            self.anchors.insert(anchor, Some((Arc::clone(&node), weight)));
        }
        self.attach(node, weight, mark)
    }

    fn attach(&mut self, node: Arc<Node>, weight: Weight, mark: Marker) -> Option<()> {
        let levels_above = self.open.len();
        let total = match self.open.last_mut() {
            None => {
                self.root = Some(node);
                weight
            }
            Some(open) => {
                open.weight.add(weight);
                match &mut open.inside {
                    Inside::Sequence(items) => items.push(node),
                    Inside::Mapping { entries, key, .. } => {
                        if let Some((key, at)) = key.take() {
                            let (line, column) = (at.line() + self.shift, at.col() + 1);
                            entries.push(Entry { key, line, column, value: node });
                        }
                    }
                }
                open.weight
            }
        };
        if !self.aliases {
            return Some(());
        }
        let detail = if total.nodes > MAX_NODES {
            format!("the aliases expand to more than {MAX_NODES} nodes")
        } else if total.text > MAX_TEXT {
            format!("the aliases expand to more than {} MiB of text", MAX_TEXT >> 20)
        } else if total.depth + levels_above > MAX_DEPTH + 1 {
            format!("nested more than {MAX_DEPTH} levels deep once the aliases are expanded")
        } else {
            return Some(());
        };
        self.report(codes::ALIAS_BOMB, mark, detail, "write the repeated part out, or check where the file comes from");
        None
    }

    fn syntax_error(&mut self, text: &str, mark: Marker, info: &str) {
        let mut lines = text.split('\n').skip(mark.line().saturating_sub(1));
        let line = lines.clone().next().unwrap_or_default();
        // Readers complain about tabs in their own ways, and at the beginning of what the tab ends.
        let reach = if info.contains("tab") { 100 } else { 1 };
        let tab = lines.by_ref().take(reach).enumerate().find_map(|(further, line)| {
            let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
            indent.find('\t').map(|column| (mark.line() + self.shift + further, column + 1))
        });
        if let Some((line, column)) = tab {
            let place = Place { file: self.file.to_owned(), line, column };
            let detail = "the line is indented with a tab character; YAML indents with spaces only";
            self.problems.push(Diagnostic::new(codes::SYNTAX, Some(place), detail, "replace the tab with spaces"));
            return;
        }
        let remedy = match line.find("${") {
            Some(at) if line[..at].contains(['{', '[']) => {
                "quote text that holds a placeholder between brackets or braces: \"${...}\""
            }
            _ => {
                "check the indentation, brackets and quotes here and on the line before; quote text that holds `: ` or ` #`, or begins with a special character"
            }
        };
        self.report(codes::SYNTAX, mark, info, remedy);
    }
}

/// How many quotes are on each side of a scalar that may stand on one line.
fn quotes(style: ScalarStyle) -> Option<usize> {
    match style {
        ScalarStyle::Plain => Some(0),
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Some(1),
        ScalarStyle::Literal | ScalarStyle::Folded => None,
    }
}

/// Whether a scalar of ASCII characters stands on one line, character by character.
fn stands_as_it_is(text: &str, style: ScalarStyle, span: Span) -> bool {
    let width = span.end.index().saturating_sub(span.start.index());
    span.start.line() == span.end.line() && quotes(style).is_some_and(|quotes| text.len() + 2 * quotes == width)
}

fn scalar(text: String, style: ScalarStyle, span: Span) -> Scalar {
    let plain = style == ScalarStyle::Plain;
    let quotes = quotes(style);
    let width = span.end.index().saturating_sub(span.start.index());
    let verbatim = quotes.filter(|quotes| {
        span.start.line() == span.end.line() && text.contains("${") && text.chars().count() + 2 * quotes == width
    });
    Scalar { text, plain, verbatim }
}
