//! ARNs of IAM, which any service can be given.

/// What an ARN of IAM names.
pub(crate) struct Identity<'a> {
    pub(crate) partition: &'a str,
    /// Empty, in every ARN that IAM gives.
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    /// Such as `role/path/name`.
    pub(crate) resource: &'a str,
}

/// Reads an ARN of IAM; None of any other text.
pub(crate) fn identity(arn: &str) -> Option<Identity<'_>> {
    let (_, rest) = arn.split_once(':')?;
    let (partition, rest) = rest.split_once(":iam:").filter(|(partition, _)| !partition.contains(':'))?;
    let (region, rest) = rest.split_once(':')?;
    let (account, resource) = rest.split_once(':')?;
    Some(Identity { partition, region, account, resource })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_arn_of_iam_names_an_identity() {
        let role = identity("arn:aws:iam::111122223333:role/a:b/c").unwrap();
        assert_eq!((role.partition, role.region, role.account), ("aws", "", "111122223333"));
        assert_eq!(role.resource, "role/a:b/c");
        assert!(identity("arn:aws:s3:::bucket:iam::1:role/a").is_none());
        assert!(identity("arn:aws:iam::111122223333").is_none());
        assert!(identity("*").is_none());
    }
}
