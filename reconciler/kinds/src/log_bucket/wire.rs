//! The XML of S3, both ways, without losing an element.
//!
//! Guarantees: an element that this build does not know keeps its name and content in the tree, and becomes the same element when
//! it is written back. Elements are written in the order of S3's model, those that are not known last.

use quick_xml::Writer;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesText, Event};
use reconciler_model::tree::{self, Path};
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// What an element holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Number,
    Flag,
    Structure,
    /// Repeated as it is, without an element around the list.
    List,
    /// An element around its items, which are called `Tag`.
    TagSet,
}

/// The element, the member of the API's model, the member of the normal form, and what it holds; in the order of the model.
const ELEMENTS: &[(&str, &str, &str, Shape)] = &[
    ("BlockPublicAcls", "BlockPublicAcls", "blockPublicAcls", Shape::Flag),
    ("IgnorePublicAcls", "IgnorePublicAcls", "ignorePublicAcls", Shape::Flag),
    ("BlockPublicPolicy", "BlockPublicPolicy", "blockPublicPolicy", Shape::Flag),
    ("RestrictPublicBuckets", "RestrictPublicBuckets", "restrictPublicBuckets", Shape::Flag),
    (
        "ApplyServerSideEncryptionByDefault",
        "ApplyServerSideEncryptionByDefault",
        "applyServerSideEncryptionByDefault",
        Shape::Structure,
    ),
    ("SSEAlgorithm", "SSEAlgorithm", "sseAlgorithm", Shape::Text),
    ("KMSMasterKeyID", "KMSMasterKeyID", "kmsMasterKeyID", Shape::Text),
    ("BucketKeyEnabled", "BucketKeyEnabled", "bucketKeyEnabled", Shape::Flag),
    ("BlockedEncryptionTypes", "BlockedEncryptionTypes", "blockedEncryptionTypes", Shape::Structure),
    ("EncryptionType", "EncryptionType", "encryptionType", Shape::List),
    ("ObjectOwnership", "ObjectOwnership", "objectOwnership", Shape::Text),
    ("MfaDelete", "MFADelete", "mfaDelete", Shape::Text),
    ("Rule", "Rules", "rules", Shape::List),
    ("Expiration", "Expiration", "expiration", Shape::Structure),
    ("ID", "ID", "id", Shape::Text),
    ("Prefix", "Prefix", "prefix", Shape::Text),
    ("Filter", "Filter", "filter", Shape::Structure),
    ("And", "And", "and", Shape::Structure),
    ("Tag", "Tag", "tag", Shape::Structure),
    ("Status", "Status", "status", Shape::Text),
    ("Transition", "Transitions", "transitions", Shape::List),
    ("NoncurrentVersionTransition", "NoncurrentVersionTransitions", "noncurrentVersionTransitions", Shape::List),
    ("NoncurrentVersionExpiration", "NoncurrentVersionExpiration", "noncurrentVersionExpiration", Shape::Structure),
    (
        "AbortIncompleteMultipartUpload",
        "AbortIncompleteMultipartUpload",
        "abortIncompleteMultipartUpload",
        Shape::Structure,
    ),
    ("Date", "Date", "date", Shape::Text),
    ("Days", "Days", "days", Shape::Number),
    ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker", "expiredObjectDeleteMarker", Shape::Flag),
    ("NoncurrentDays", "NoncurrentDays", "noncurrentDays", Shape::Number),
    ("NewerNoncurrentVersions", "NewerNoncurrentVersions", "newerNoncurrentVersions", Shape::Number),
    ("StorageClass", "StorageClass", "storageClass", Shape::Text),
    ("DaysAfterInitiation", "DaysAfterInitiation", "daysAfterInitiation", Shape::Number),
    ("ObjectSizeGreaterThan", "ObjectSizeGreaterThan", "objectSizeGreaterThan", Shape::Number),
    ("ObjectSizeLessThan", "ObjectSizeLessThan", "objectSizeLessThan", Shape::Number),
    ("Key", "Key", "key", Shape::Text),
    ("Value", "Value", "value", Shape::Text),
    ("TagSet", "TagSet", "tagSet", Shape::TagSet),
];

/// The tags of a filter with several conditions: repeated, where a filter with one condition has one.
const TAGS: (&str, &str, &str, Shape) = ("Tag", "Tags", "tags", Shape::List);

/// An element while it is open: its name, what is in it, its text.
type Open = (String, Vec<(String, Value)>, String);

/// The content of a document, in the names of the normal form; `None` when it is not XML.
pub(super) fn read(body: &str) -> Option<Value> {
    let mut reader = quick_xml::Reader::from_str(body);
    let mut open: Vec<Open> = Vec::new();
    loop {
        let name = |name: quick_xml::name::QName<'_>| name.local_name().as_ref().to_owned();
        let closed = match reader.read_event().ok()? {
            Event::Start(start) => {
                open.push((name(start.name()), Vec::new(), String::new()));
                continue;
            }
            Event::Empty(start) => (name(start.name()), Vec::new(), String::new()),
            Event::Text(text) => {
                if let Some((_, _, content)) = open.last_mut() {
                    content.push_str(&text);
                }
                continue;
            }
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref().ok()? {
                    Some(character) => character.to_string(),
                    None => resolve_xml_entity(&reference)?.to_owned(),
                };
                open.last_mut()?.2.push_str(&resolved);
                continue;
            }
            Event::End(_) => open.pop()?,
            Event::Eof => return None,
            _ => continue,
        };
        let (name, children, text) = closed;
        let Some((_, siblings, _)) = open.last_mut() else {
            return Some(structure(&name, children));
        };
        siblings.push((name.clone(), content(&name, children, &text)));
    }
}

fn known(element: &str, above: &str) -> Option<&'static (&'static str, &'static str, &'static str, Shape)> {
    if above == "And" && element == TAGS.0 {
        return Some(&TAGS);
    }
    ELEMENTS.iter().find(|(name, ..)| *name == element)
}

fn content(name: &str, children: Vec<(String, Value)>, text: &str) -> Value {
    let shape = known(name, "").map(|(.., shape)| *shape);
    if shape == Some(Shape::TagSet) {
        return children.into_iter().map(|(_, tag)| tag).collect();
    }
    if !children.is_empty() || shape == Some(Shape::Structure) {
        return structure(name, children);
    }
    match shape {
        Some(Shape::Number) => text.trim().parse::<u64>().map_or_else(|_| json!(text), Value::from),
        Some(Shape::Flag) => text.trim().parse::<bool>().map_or_else(|_| json!(text), Value::from),
        _ => json!(text),
    }
}

/// The children of an element by name; what is a list, or comes more than once, as a list.
fn structure(above: &str, children: Vec<(String, Value)>) -> Value {
    let mut members = Map::new();
    for (element, value) in children {
        let known = known(&element, above);
        let member = known.map_or(element.as_str(), |(_, _, member, _)| member).to_owned();
        let is_list = known.is_some_and(|(.., shape)| *shape == Shape::List);
        match members.get_mut(&member) {
            None if is_list => drop(members.insert(member, json!([value]))),
            None => drop(members.insert(member, value)),
            Some(Value::Array(items)) => items.push(value),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    Value::Object(members)
}

/// A tree of the normal form as the API's model calls its members: what a plan shows.
pub(super) fn request(tree: &Value) -> Value {
    match tree {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                let wire = match name == TAGS.2 {
                    true => TAGS.1,
                    false => {
                        ELEMENTS.iter().find(|(_, _, member, _)| member == name).map_or(&**name, |(_, wire, ..)| wire)
                    }
                };
                (wire.to_owned(), request(value))
            })
            .collect(),
        Value::Array(items) => items.iter().map(request).collect(),
        scalar => scalar.clone(),
    }
}

/// The document of a request's body.
pub(super) fn write(root: &str, payload: &Value) -> String {
    let mut writer = Writer::new(Vec::new());
    let element = writer.create_element(root).with_attribute(("xmlns", NAMESPACE));
    // Writing to memory does not fail.
    let _ = element.write_inner_content(|inner| write_members(inner, payload));
    String::from_utf8(writer.into_inner()).unwrap_or_default()
}

fn write_members(writer: &mut Writer<Vec<u8>>, value: &Value) -> std::io::Result<()> {
    let Value::Object(members) = value else {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return writer.write_event(Event::Text(BytesText::new(&text)));
    };
    let place = |name: &str| ELEMENTS.iter().position(|(_, wire, ..)| *wire == name).unwrap_or(ELEMENTS.len());
    let mut names: Vec<&String> = members.keys().collect();
    names.sort_by_key(|name| (place(name), *name));
    for name in names {
        let known = ELEMENTS.iter().chain([&TAGS]).find(|(_, wire, ..)| wire == name);
        let element = known.map_or(&**name, |(element, ..)| element);
        match &members[name] {
            Value::Null => {}
            Value::Array(items) if known.is_some_and(|(.., shape)| *shape == Shape::TagSet) => {
                writer
                    .create_element(element)
                    .write_inner_content(|inner| items.iter().try_for_each(|item| write_element(inner, "Tag", item)))?;
            }
            Value::Array(items) => items.iter().try_for_each(|item| write_element(writer, element, item))?,
            value => write_element(writer, element, value)?,
        }
    }
    Ok(())
}

fn write_element(writer: &mut Writer<Vec<u8>>, element: &str, value: &Value) -> std::io::Result<()> {
    writer.create_element(element).write_inner_content(|inner| write_members(inner, value)).map(drop)
}

/// What a write does with an unknown element.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// It is sent back with them.
    Yes,
    /// What it belonged to is not written any more, and it goes with it.
    Gone,
    /// It cannot be told where it belongs.
    No,
}

/// Puts an unknown element back to its path in a tree that is to be written.
pub(super) fn carry(tree: &mut Value, path: &Path, value: &Value) -> Carried {
    let Some((_, above)) = path.segments().split_last() else { return Carried::No };
    let mut node = &*tree;
    for segment in above {
        match node {
            Value::Array(_) => return Carried::No,
            node_of => match node_of.get(segment).filter(|next| !next.is_null()) {
                Some(next) => node = next,
                None => return Carried::Gone,
            },
        }
    }
    if !node.is_object() {
        return Carried::No;
    }
    tree::set(tree, path, Some(value.clone()));
    Carried::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was read is written back, whatever it holds; only the order may be another.
    #[test]
    fn nothing_is_lost_on_the_way() {
        let body = "<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule><ID>a &amp; b</ID><Filter><And>\
                    <Prefix>x/</Prefix><Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value/></Tag></And></Filter>\
                    <Status>Enabled</Status><Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition>\
                    <Expiration><Days>400</Days><NewThing>7</NewThing></Expiration><Novel><Part>1</Part><Part>2</Part></Novel></Rule>\
                    <Rule><ID>c</ID><Filter/><Status>Disabled</Status></Rule></LifecycleConfiguration>";
        let read_once = read(body).expect("XML");
        let rule = &read_once["rules"][0];
        assert_eq!(rule["id"], "a & b");
        assert_eq!(rule["filter"]["and"]["tags"][1], json!({"key": "l", "value": ""}));
        assert_eq!(rule["expiration"], json!({"days": 400, "NewThing": "7"}));
        assert_eq!(rule["transitions"], json!([{"days": 30, "storageClass": "GLACIER"}]));
        assert_eq!(read_once["rules"][1]["filter"], json!({}));
        let written = write("LifecycleConfiguration", &request(&read_once));
        assert!(written.contains("<Novel><Part>1</Part><Part>2</Part></Novel>"), "{written}");
        assert!(written.contains("<Expiration><Days>400</Days><NewThing>7</NewThing></Expiration>"), "{written}");
        assert_eq!(read(&written), Some(read_once));
    }

    #[test]
    fn tags_have_an_element_around_them() {
        let tree = json!({"tagSet": [{"key": "a", "value": "b"}]});
        let written = write("Tagging", &request(&tree));
        assert!(written.ends_with("<TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"), "{written}");
        assert_eq!(read(&written), Some(tree));
    }

    #[test]
    fn an_unknown_element_is_carried_where_its_place_is_still_there() {
        let mut tree = json!({"l": {"rules": {"a": {"id": "a", "transitions": [{"days": 1}]}}}});
        let carry = |tree: &mut Value, path: &[&str]| carry(tree, &Path::of(path.iter().copied()), &json!("1"));
        assert_eq!(carry(&mut tree, &["l", "rules", "a", "New"]), Carried::Yes);
        assert_eq!(carry(&mut tree, &["l", "rules", "b", "New"]), Carried::Gone);
        assert_eq!(carry(&mut tree, &["l", "rules", "a", "transitions", "0", "New"]), Carried::No);
        assert_eq!(tree["l"]["rules"]["a"]["New"], "1");
    }
}
