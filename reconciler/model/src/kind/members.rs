//! The names of members, from the fields of a typed spec: a misspelt one does not compile.

/// The name that a field has in the tree: `retention_in_days` is `retentionInDays`. A field that the serialised form calls otherwise
/// names it: `member!(Spec, sns_topic_arn = "snsTopicARN")`.
#[macro_export]
macro_rules! member {
    ($spec:ty, $field:ident) => {{
        const _: fn(&$spec) = |spec| {
            let _ = &spec.$field;
        };
        const FIELD: &str = stringify!($field);
        const NAME: [u8; $crate::kind::members::length_in_tree(FIELD)] = $crate::kind::members::in_tree(FIELD);
        match std::str::from_utf8(&NAME) {
            Ok(name) => name,
            Err(_) => "",
        }
    }};
    ($spec:ty, $field:ident = $name:literal) => {{
        const _: fn(&$spec) = |spec| {
            let _ = &spec.$field;
        };
        $name
    }};
}

/// How many bytes the name of a field has in the tree.
pub const fn length_in_tree(field: &str) -> usize {
    let bytes = field.as_bytes();
    let (mut length, mut index) = (0, 0);
    while index < bytes.len() {
        if bytes[index] != b'_' {
            length += 1;
        }
        index += 1;
    }
    length
}

/// The name of a field in the tree: without underscores, each word but the first with a capital letter.
pub const fn in_tree<const LENGTH: usize>(field: &str) -> [u8; LENGTH] {
    let bytes = field.as_bytes();
    let mut name = [0; LENGTH];
    let (mut at, mut index, mut begins) = (0, 0, false);
    while index < bytes.len() {
        if bytes[index] == b'_' {
            begins = true;
        } else {
            name[at] = if begins { bytes[index].to_ascii_uppercase() } else { bytes[index] };
            begins = false;
            at += 1;
        }
        index += 1;
    }
    name
}

#[cfg(test)]
mod tests {
    #[derive(serde::Serialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        s3_bucket_name: Option<String>,
        tags: u8,
        is_multi_region_trail: bool,
        #[serde(rename = "snsTopicARN")]
        sns_topic_arn: Option<String>,
    }

    /// The names are those that serde writes.
    #[test]
    fn members_are_called_as_they_are_serialised() {
        let tree = serde_json::to_value(Spec::default()).expect("a tree");
        let named = [
            member!(Spec, s3_bucket_name),
            member!(Spec, tags),
            member!(Spec, is_multi_region_trail),
            member!(Spec, sns_topic_arn = "snsTopicARN"),
        ];
        assert_eq!(named.len(), tree.as_object().map_or(0, serde_json::Map::len));
        for name in named {
            assert!(tree.get(name).is_some(), "{name}");
        }
    }
}
