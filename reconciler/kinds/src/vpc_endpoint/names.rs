//! Names of endpoints: `VPC/SERVICE`.

/// The services of Bedrock that have interface endpoints (README.md, Services). An endpoint of any of them is a way to models,
/// agents or guardrails.
pub(super) const BEDROCK: &[&str] = &[
    "bedrock",
    "bedrock-fips",
    "bedrock-runtime",
    "bedrock-runtime-fips",
    "bedrock-agent",
    "bedrock-agent-fips",
    "bedrock-agent-runtime",
    "bedrock-agent-runtime-fips",
    "bedrock-mantle",
    "bedrock-agentcore",
    "bedrock-agentcore.gateway",
    "bedrock-agentcore-control",
];

/// The two parts of a name. A `Name` tag may hold slashes, a service's name may not.
pub(super) fn parts(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('/').filter(|(vpc, service)| !vpc.is_empty() && !service.is_empty())
}

/// What is wrong with a name.
pub(super) fn problem(name: &str) -> Option<String> {
    let Some((vpc, service)) = parts(name) else {
        return Some(
            "an endpoint's name is VPC/SERVICE, such as `ai/bedrock-runtime`: the VPC's `Name` tag or id, and the last part of \
             the service's name"
                .to_owned(),
        );
    };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if !service.chars().all(allowed) {
        return Some(format!("the service `{service}` has other characters than small letters, digits, `-` and `.`"));
    }
    (vpc.chars().count() > 256).then(|| "a `Name` tag has at most 256 characters".to_owned())
}

/// Whether this is the id of a VPC, rather than a `Name` tag.
pub(super) fn is_vpc_id(text: &str) -> bool {
    text.strip_prefix("vpc-").is_some_and(|digits| {
        matches!(digits.len(), 8 | 17) && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

fn prefix(region: &str) -> String {
    let top = if region.starts_with("cn-") { "cn.com" } else { "com" };
    format!("{top}.amazonaws.{region}.")
}

/// The full name of a service in a region: `com.amazonaws.REGION.bedrock-runtime` for `bedrock-runtime`; one with dots is
/// a full name already.
pub(super) fn service_name(region: &str, service: &str) -> String {
    if service.contains('.') { service.to_owned() } else { prefix(region) + service }
}

/// The service as a name has it.
pub(super) fn service_part(region: &str, service_name: &str) -> String {
    let short = service_name.strip_prefix(&prefix(region)).filter(|short| !short.is_empty() && !short.contains('.'));
    short.unwrap_or(service_name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_vpc_and_a_service() {
        assert_eq!(parts("ai/bedrock-runtime"), Some(("ai", "bedrock-runtime")));
        assert_eq!(parts("team/ai/bedrock"), Some(("team/ai", "bedrock")));
        assert_eq!(parts("bedrock"), None);
        assert_eq!(parts("/bedrock"), None);
        assert!(problem("ai/bedrock-runtime").is_none());
        assert!(problem("bedrock-runtime").is_some() && problem("ai/Bedrock").is_some());
    }

    #[test]
    fn ids_and_tags_are_told_apart() {
        assert!(is_vpc_id("vpc-0123abcd") && is_vpc_id("vpc-0123456789abcdef0"));
        assert!(!is_vpc_id("vpc-production") && !is_vpc_id("vpc-0123ABCD") && !is_vpc_id("ai"));
    }

    #[test]
    fn a_service_is_named_by_its_last_part_or_in_full() {
        assert_eq!(service_name("eu-west-1", "bedrock"), "com.amazonaws.eu-west-1.bedrock");
        assert_eq!(service_name("cn-north-1", "sts"), "cn.com.amazonaws.cn-north-1.sts");
        let shared = "com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0";
        assert_eq!(service_name("eu-west-1", shared), shared);
        assert_eq!(service_part("eu-west-1", shared), shared);
        assert_eq!(service_part("eu-west-1", "com.amazonaws.eu-west-1.bedrock"), "bedrock");
    }
}
