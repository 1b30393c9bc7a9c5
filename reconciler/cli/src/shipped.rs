//! The desired state that the repository ships, as a part of the program: what `demo` holds the embedded AWS to, in any folder.

use reconciler_model::desired::Source;

use crate::args::DEFAULT_DESIRED;

macro_rules! shipped {
    ($($file:literal),+ $(,)?) => {
        [$(($file, include_str!(concat!("../../../desired-state/", $file)))),+]
    };
}

/// Its files, by path below the folder.
pub(crate) const FILES: [(&str, &str); 13] = shipped![
    "endpoints/bedrock.yaml",
    "guardrails/baseline.yaml",
    "guardrails/enforced.yaml",
    "guardrails/payments.yaml",
    "keys/keys.yaml",
    "logging/delivery-role.yaml",
    "logging/invocation-logging.yaml",
    "logging/log-bucket.yaml",
    "organization.yaml",
    "organization/bedrock-guardrails.yaml",
    "pins.lock",
    "trail/delivery.yaml",
    "trail/organization-trail.yaml",
];

/// Its files, as if they were read from the folder of the default name.
pub(crate) fn sources() -> Vec<Source> {
    let source =
        |(file, text): &(&str, &str)| Source::new(format!("{DEFAULT_DESIRED}/{file}"), Ok(text.as_bytes().to_vec()));
    FILES.iter().map(source).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::files;

    #[test]
    fn what_is_compiled_in_is_what_the_folder_holds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../desired-state");
        let of_the_folder: Vec<(String, Vec<u8>)> = files::sources(&folder)
            .into_iter()
            .map(|source| {
                let file = Path::new(&source.file).strip_prefix(&folder).unwrap().display().to_string();
                (format!("{DEFAULT_DESIRED}/{file}"), source.content.unwrap())
            })
            .collect();
        let compiled_in: Vec<(String, Vec<u8>)> =
            sources().into_iter().map(|source| (source.file, source.content.unwrap())).collect();
        assert_eq!(compiled_in, of_the_folder, "add the file to `FILES`");
    }
}
