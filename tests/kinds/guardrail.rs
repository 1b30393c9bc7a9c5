//! Random specs in the shape of GET answers, and what a service may do to them without changing their meaning.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

/// An object without the members that are `null`.
fn object(members: Value) -> Value {
    let Value::Object(members) = members else { return members };
    Value::Object(members.into_iter().filter(|(_, member)| !member.is_null()).collect())
}

fn merged(one: Value, two: Value) -> Value {
    let (Value::Object(mut one), Value::Object(two)) = (one, two) else { return Value::Null };
    one.extend(two);
    object(Value::Object(one))
}

fn maybe(strategy: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    prop_oneof![3 => strategy, 1 => Just(Value::Null)].boxed()
}

/// `inputAction`, `outputAction`, `inputEnabled` and `outputEnabled`, each of which may be left out.
fn sides(actions: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let action = move || proptest::option::of(select(actions));
    let enabled = || proptest::option::of(any::<bool>());
    (action(), action(), enabled(), enabled()).prop_map(|(input, output, reads, writes)| {
        json!({"inputAction": input, "outputAction": output, "inputEnabled": reads, "outputEnabled": writes})
    })
}

/// One element for each of some of the `names`, under the natural key `key`.
fn elements<S>(
    key: &'static str,
    names: &'static [&'static str],
    rest: impl Fn() -> S + 'static,
) -> BoxedStrategy<Value>
where
    S: Strategy<Value = Value> + 'static,
{
    subsequence(names.to_vec(), 0..=names.len())
        .prop_flat_map(move |names| {
            let each: Vec<_> = names.into_iter().map(|name| (Just(name), rest()).boxed()).collect();
            each.prop_map(move |elements| {
                elements.into_iter().map(|(name, rest)| merged(json!({ key: name }), rest)).collect::<Vec<_>>().into()
            })
        })
        .boxed()
}

fn tier(standard: bool) -> BoxedStrategy<Value> {
    let names: &'static [&'static str] = if standard { &["CLASSIC", "STANDARD"] } else { &["CLASSIC"] };
    maybe(select(names).prop_map(|name| json!({ "tierName": name })))
}

fn content_filters() -> BoxedStrategy<Value> {
    const BLOCK: &[&str] = &["BLOCK", "NONE"];
    let strength = || select(&["NONE", "LOW", "MEDIUM", "HIGH"][..]);
    let modalities = || maybe(subsequence(vec!["TEXT", "IMAGE"], 1..=2).prop_map(|found| json!(found)));
    elements("type", &["HATE", "INSULTS", "MISCONDUCT", "PROMPT_ATTACK", "SEXUAL", "VIOLENCE"], move || {
        (strength(), strength(), modalities(), modalities(), sides(BLOCK)).prop_map(|(input, output, reads, writes, sides)| {
            let own = json!({
                "inputStrength": input, "outputStrength": output, "inputModalities": reads, "outputModalities": writes,
            });
            merged(own, sides)
        })
    })
    .prop_map(|mut filters| {
        // The service takes nothing but this.
        for filter in filters.as_array_mut().into_iter().flatten().filter(|filter| filter["type"] == "PROMPT_ATTACK") {
            filter["outputStrength"] = json!("NONE");
            for member in ["outputAction", "outputEnabled", "outputModalities"] {
                filter.as_object_mut().map(|filter| filter.remove(member));
            }
        }
        filters
    })
    .boxed()
}

fn topics() -> BoxedStrategy<Value> {
    elements("name", &["Investment advice", "Legal advice?", "Medicine."], || {
        let examples = subsequence(vec!["What shall I buy?", "May I sue?", "Is it safe?"], 0..=3);
        let definition = select(&["Advice.", "Recommendations of any kind."][..]);
        let kind = proptest::option::of(Just("DENY"));
        (definition, maybe(examples.prop_map(|found| json!(found))), kind, sides(&["BLOCK", "NONE"])).prop_map(
            |(definition, examples, kind, sides)| {
                merged(json!({"definition": definition, "examples": examples, "type": kind}), sides)
            },
        )
    })
}

fn sensitive(key: &'static str, names: &'static [&'static str], regex: bool) -> BoxedStrategy<Value> {
    const ACTIONS: &[&str] = &["BLOCK", "ANONYMIZE", "NONE"];
    elements(key, names, move || {
        let pattern = if regex { Just(json!("[A-Z]{3}-[0-9]+")).boxed() } else { Just(Value::Null).boxed() };
        let description = if regex { maybe(Just(json!("Numbers."))) } else { Just(Value::Null).boxed() };
        (select(ACTIONS), pattern, description, sides(ACTIONS)).prop_map(|(action, pattern, description, sides)| {
            merged(json!({"action": action, "pattern": pattern, "description": description}), sides)
        })
    })
}

fn grounding() -> BoxedStrategy<Value> {
    elements("type", &["GROUNDING", "RELEVANCE"], || {
        let threshold = select(&[0.0, 0.25, 0.5, 0.7001, 0.75, 0.99][..]);
        let action = proptest::option::of(select(&["BLOCK", "NONE"][..]));
        (threshold, action, proptest::option::of(any::<bool>()))
            .prop_map(|(threshold, action, on)| json!({"threshold": threshold, "action": action, "enabled": on}))
    })
}

fn tags() -> BoxedStrategy<Value> {
    elements("key", &["owner", "cost-center", "team/unit"], || {
        select(&["one", "two", ""][..]).prop_map(|value| json!({ "value": value }))
    })
}

/// The spec of a guardrail that the service accepts, with every policy, default and list left out now and then.
pub(crate) fn guardrail() -> BoxedStrategy<Value> {
    any::<bool>().prop_flat_map(guardrail_with).boxed()
}

fn guardrail_with(profile: bool) -> BoxedStrategy<Value> {
    let policy = |lists: BoxedStrategy<Value>| maybe(lists);
    let content = (content_filters(), tier(profile))
        .prop_map(|(filters, tier)| object(json!({"filters": filters, "tier": tier})));
    let topic = (topics(), tier(profile)).prop_map(|(topics, tier)| object(json!({"topics": topics, "tier": tier})));
    let words =
        elements("text", &["falcon", "wo\u{308}rd", "two words", "dot.ted \"quoted\""], || sides(&["BLOCK", "NONE"]));
    let managed = elements("type", &["PROFANITY"], || sides(&["BLOCK", "NONE"]));
    let word = (maybe(words), maybe(managed))
        .prop_map(|(words, managed)| object(json!({"words": words, "managedWordLists": managed})));
    let pii = sensitive("type", &["EMAIL", "NAME", "AWS_ACCESS_KEY", "PIN"], false);
    let regexes = sensitive("name", &["invoice", "order number"], true);
    let secret =
        (maybe(pii), maybe(regexes)).prop_map(|(pii, regexes)| object(json!({"piiEntities": pii, "regexes": regexes})));
    let ground = grounding().prop_map(|filters| json!({ "filters": filters }));
    let top = (
        maybe(select(&["Protection.", "Other."][..]).prop_map(Value::from)),
        select(&["No.", "Not this."][..]),
        select(&["Withheld.", "Not that."][..]),
        tags(),
        proptest::collection::vec(any::<bool>(), 5),
    );
    (
        top,
        policy(content.boxed()),
        policy(topic.boxed()),
        policy(word.boxed()),
        policy(secret.boxed()),
        policy(ground.boxed()),
    )
        .prop_map(move |((description, input, output, tags, nulls), content, topic, word, secret, ground)| {
            let profile = if profile { json!({"guardrailProfileId": "eu.guardrail.v1:0"}) } else { Value::Null };
            let mut spec = object(json!({
                "description": description,
                "blockedInputMessaging": input,
                "blockedOutputsMessaging": output,
                "crossRegionDetails": profile,
                "contentPolicy": content,
                "topicPolicy": topic,
                "wordPolicy": word,
                "sensitiveInformationPolicy": secret,
                "contextualGroundingPolicy": ground,
                "tags": tags,
            }));
            // A policy that is left out is not managed; one that is `null` must be absent.
            for ((policy, _), null) in POLICIES.iter().zip(nulls) {
                if null && spec.get(*policy).is_none() {
                    spec[*policy] = Value::Null;
                }
            }
            spec
        })
        .boxed()
}

/// The spec of an invocation logging configuration.
pub(crate) fn logging() -> BoxedStrategy<Value> {
    let bucket = || {
        let prefix = proptest::option::of(select(&["", "large", "in/vocations"][..]));
        (select(&["bedrock-logs-a", "bedrock-logs-b"][..]), prefix)
            .prop_map(|(bucket, prefix)| object(json!({"bucketName": bucket, "keyPrefix": prefix})))
    };
    let group = (maybe(bucket()), Just("/aws/bedrock/model-invocations")).prop_map(|(large, group)| {
        object(json!({
            "logGroupName": group,
            "roleArn": "arn:aws:iam::111122223333:role/bedrock-invocation-logging",
            "largeDataDeliveryS3Config": large,
        }))
    });
    let flag = || proptest::option::of(any::<bool>());
    (group, maybe(bucket()), [flag(), flag(), flag(), flag(), flag()])
        .prop_map(|(group, bucket, [text, image, embedding, video, audio])| {
            object(json!({
                "cloudWatchConfig": group, "s3Config": bucket,
                "textDataDeliveryEnabled": text, "imageDataDeliveryEnabled": image,
                "embeddingDataDeliveryEnabled": embedding, "videoDataDeliveryEnabled": video,
                "audioDataDeliveryEnabled": audio,
            }))
        })
        .boxed()
}

/// The spec of an enforced configuration. A live one always names its guardrail and version.
pub(crate) fn enforced() -> BoxedStrategy<Value> {
    let arn = select(&["a1b2c3", "d4e5f6"][..]);
    let guarding = || proptest::option::of(select(&["SELECTIVE", "COMPREHENSIVE"][..]));
    let guarding =
        (guarding(), guarding()).prop_map(|(system, messages)| object(json!({"system": system, "messages": messages})));
    let models = || subsequence(vec!["amazon.nova-lite-v1:0", "anthropic.claude-v9", "meta.llama9-v1:0"], 0..=3);
    let included = prop_oneof![1 => Just(json!(["ALL"])), 2 => models().prop_map(|models| json!(models))];
    let models = (included, models())
        .prop_map(|(included, excluded)| json!({"includedModels": included, "excludedModels": excluded}));
    (arn, select(&["1", "2", "17"][..]), maybe(guarding), maybe(models))
        .prop_map(|(id, version, guarding, models)| {
            object(json!({
                "guardrailArn": format!("arn:aws:bedrock:eu-west-1:111122223333:guardrail/{id}"),
                "guardrailVersion": version,
                "selectiveContentGuarding": guarding,
                "modelEnforcement": models,
                "callersMayApplyGuardrail": true,
            }))
        })
        .boxed()
}

/// The spec of the resource policy of a guardrail.
pub(crate) fn resource_policy() -> BoxedStrategy<Value> {
    let statement = |sid: &'static str| {
        let action = subsequence(vec!["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"], 1..=2);
        let who = select(&["organization", "unit", "account"][..]);
        (proptest::option::of(Just(sid)), action, who).prop_map(|(sid, action, who)| {
            let (principal, condition) = match who {
                "organization" => (json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}})),
                "unit" => {
                    let paths = json!(["o-abcdefghij/r-ab12/ou-ab12-11111111/*"]);
                    (json!("*"), json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": paths}}))
                }
                _ => (json!({"AWS": "arn:aws:iam::111122223333:root"}), Value::Null),
            };
            object(json!({
                "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition,
                "Resource": "arn:aws:bedrock:eu-west-1:111122223333:guardrail/a1b2c3",
            }))
        })
    };
    let statements = prop_oneof![
        statement("One").prop_map(|one| json!([one])),
        (statement("One"), statement("Two")).prop_map(|(one, two)| json!([one, two])),
    ];
    prop_oneof![
        4 => statements.prop_map(|statements| {
            json!({"resourcePolicy": {"Version": "2012-10-17", "Statement": statements}})
        }),
        1 => Just(json!({"resourcePolicy": null})),
    ]
    .boxed()
}

/// The spec of an interface endpoint.
pub(crate) fn endpoint() -> BoxedStrategy<Value> {
    let principal =
        select(vec![json!("*"), json!({"AWS": "111122223333"}), json!({"AWS": ["111122223333", "444455556666"]})]);
    let actions = subsequence(vec!["bedrock:InvokeModel", "bedrock:Converse*", "bedrock:ApplyGuardrail"], 1..=3);
    let condition = maybe(select(vec![
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-example"}}),
        json!({"StringEquals": {"aws:PrincipalOrgID": ["o-example"], "aws:SourceVpc": "vpc-1"}}),
    ]));
    let statement = (select(&["Own", "Other", ""][..]), principal, actions, condition).prop_map(
        |(sid, principal, actions, condition)| {
            object(json!({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*",
                "Condition": condition}))
        },
    );
    let policy = prop_oneof![
        3 => statement.prop_map(|statement| json!({"Version": "2012-10-17", "Statement": [statement]})),
        1 => Just(json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]})),
    ];
    let subnets = subsequence(vec!["subnet-1", "subnet-2", "subnet-3"], 0..=3);
    let groups = elements("groupId", &["sg-1", "sg-2"], || Just(json!({})));
    let kinds = || select(&["ipv4", "dualstack"][..]);
    let dns_options = maybe((kinds(), any::<bool>()).prop_map(
        |(kind, inbound)| json!({"dnsRecordIpType": kind, "privateDnsOnlyForInboundResolverEndpoint": inbound}),
    ));
    (policy, subnets, groups, proptest::option::of(any::<bool>()), proptest::option::of(kinds()), dns_options, tags())
        .prop_map(|(policy, subnets, groups, private_dns, kind, dns_options, tags)| {
            let groups = if groups == json!([]) { json!([{"groupId": "sg-1"}]) } else { groups };
            object(json!({
                "policyDocument": policy,
                "subnetIds": subnets,
                "groups": groups,
                "privateDnsEnabled": private_dns,
                "ipAddressType": kind,
                "dnsOptions": dns_options,
                "tags": tags,
            }))
        })
        .boxed()
}

/// The spec of a log group.
pub(crate) fn log_group() -> BoxedStrategy<Value> {
    let days = proptest::option::of(select(&[1, 7, 90, 365, 3653][..]));
    (days, proptest::option::of(any::<bool>()), any::<bool>())
        .prop_map(|(days, protected, class)| {
            object(json!({
                "retentionInDays": days,
                "deletionProtectionEnabled": protected,
                "logGroupClass": class.then_some("STANDARD"),
            }))
        })
        .boxed()
}

/// The spec of a role.
pub(crate) fn iam_role() -> BoxedStrategy<Value> {
    let trusted = select(vec![
        json!({"Service": "bedrock.amazonaws.com"}),
        json!({"Service": ["bedrock.amazonaws.com", "cloudtrail.amazonaws.com"]}),
        json!({"AWS": "222233334444"}),
    ]);
    let condition = maybe(select(vec![
        json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}),
        json!({"StringEquals": {"aws:SourceAccount": "111122223333"}, "ArnLike": {"aws:SourceArn": ["arn:aws:bedrock:*:111122223333:*"]}}),
    ]));
    let trust = (trusted, condition, any::<bool>()).prop_map(|(principal, condition, named)| {
        let statement = object(json!({
            "Sid": named.then_some("Trust"), "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole",
            "Condition": condition,
        }));
        json!({"Version": "2012-10-17", "Statement": [statement]})
    });
    let actions: &'static [&'static str] = &["logs:CreateLogStream", "logs:PutLogEvents", "logs:*"];
    let inline = elements("policyName", &["write", "read", "no"], move || {
        let resource = select(&["*", "arn:aws:logs:eu-west-1:111122223333:*"][..]);
        (subsequence(actions.to_vec(), 1..=3), resource, any::<bool>()).prop_map(|(actions, resource, denies)| {
            let effect = if denies { "Deny" } else { "Allow" };
            let statement = json!({"Effect": effect, "Action": actions, "Resource": resource});
            json!({"policyDocument": {"Version": "2012-10-17", "Statement": [statement]}})
        })
    });
    let attached = elements(
        "policyArn",
        &["arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/SecurityAudit"],
        || Just(json!({})),
    );
    let boundary = maybe(Just(json!({"permissionsBoundaryArn": "arn:aws:iam::aws:policy/PowerUserAccess"})));
    let longest = maybe(select(&[3600, 7200, 43_200][..]).prop_map(|seconds| json!(seconds)));
    let description = maybe(select(&["Delivers.", "Reads."][..]).prop_map(Value::from));
    (trust, maybe(inline), maybe(attached), boundary, longest, description, any::<bool>(), tags())
        .prop_map(|(trust, inline, attached, boundary, longest, description, bound, tags)| {
            let mut spec = object(json!({
                "path": "/", "description": description, "maxSessionDuration": longest,
                "assumeRolePolicyDocument": trust, "permissionsBoundary": boundary, "rolePolicyList": inline,
                "attachedManagedPolicies": attached, "tags": tags,
            }));
            // A boundary that is left out is not managed; one that is `null` must be absent.
            if bound && boundary.is_null() {
                spec["permissionsBoundary"] = Value::Null;
            }
            spec
        })
        .boxed()
}

fn targets() -> BoxedStrategy<Value> {
    subsequence(vec!["Root", "Workloads", "Workloads/Production", "222233334444"], 0..=4)
        .prop_map(|targets| json!(targets))
        .boxed()
}

/// The spec of a service control policy.
pub(crate) fn service_control_policy() -> BoxedStrategy<Value> {
    let statement = |sid: &'static str| {
        let action = subsequence(vec!["bedrock:InvokeModel", "bedrock:CreateGuardrail", "bedrock-mantle:*"], 1..=3);
        let roles = subsequence(vec!["arn:aws:iam::*:role/agent", "arn:aws:iam::*:role/ops"], 0..=2);
        (proptest::option::of(Just(sid)), action, roles, any::<bool>()).prop_map(|(sid, action, roles, tagged)| {
            let exempt = (!roles.is_empty()).then(|| json!({ "aws:PrincipalArn": roles }));
            let tagged = tagged.then(|| json!({"aws:RequestTag/team": "true"}));
            let condition = object(json!({ "ArnNotLike": exempt, "Null": tagged }));
            object(json!({"Sid": sid, "Effect": "Deny", "Action": action, "Resource": "*", "Condition": condition}))
        })
    };
    let statements = prop_oneof![
        statement("One").prop_map(|one| json!(one)),
        (statement("One"), statement("Two")).prop_map(|(one, two)| json!([one, two])),
    ];
    (statements, select(&["", "Only behind the guardrail."][..]), targets(), tags())
        .prop_map(|(statements, description, targets, tags)| {
            json!({
                "description": description,
                "content": {"Version": "2012-10-17", "Statement": statements},
                "targets": targets,
                "tags": tags,
            })
        })
        .boxed()
}

/// The spec of a Bedrock policy of the organization.
pub(crate) fn bedrock_policy() -> BoxedStrategy<Value> {
    let assign = |value: Value| json!({ "@@assign": value });
    let models = || subsequence(vec!["amazon.nova-lite-v1:0", "anthropic.claude-v9", "meta.llama9-v1:0"], 0..=3);
    let included = prop_oneof![1 => Just(json!(["ALL"])), 2 => models().prop_map(|models| json!(models))];
    let guarding = proptest::option::of(select(&["selective", "comprehensive"][..]));
    (select(&["1", "2"][..]), guarding, included, models(), targets())
        .prop_map(move |(version, guarding, included, excluded, targets)| {
            let arn = format!("arn:aws:bedrock:us-east-1:111122223333:guardrail/abc123def456:{version}");
            let config = object(json!({
                "identifier": assign(json!(arn)),
                "selective_content_guarding": guarding.map(|word| json!({ "messages": assign(json!(word)) })),
                "model_enforcement": {"included_models": assign(included), "excluded_models": assign(json!(excluded))},
            }));
            let content = json!({"bedrock": {"guardrail_inference": {"us-east-1": {"config_1": config}}}});
            json!({ "description": "", "content": content, "targets": targets })
        })
        .boxed()
}

/// Some of these statements, at least one; each under its own name.
fn policy(statements: Vec<Value>) -> BoxedStrategy<Value> {
    let most = statements.len();
    subsequence(statements, 1..=most)
        .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
        .boxed()
}

/// The spec of a key.
pub(crate) fn kms_key() -> BoxedStrategy<Value> {
    let statements = vec![
        json!({"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "kms:*", "Resource": "*"}),
        json!({"Sid": "Logs", "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}),
        json!({"Sid": "Nobody", "Effect": "Deny", "Principal": "*", "Action": "kms:ScheduleKeyDeletion", "Resource": "*"}),
    ];
    let description = maybe(select(&["Logs at rest", "Other", ""][..]).prop_map(Value::from));
    let rotation = prop_oneof![
        Just(json!({"keyRotationEnabled": false})),
        select(&[90, 365, 2560][..]).prop_map(|days| json!({"keyRotationEnabled": true, "rotationPeriodInDays": days})),
        Just(json!({})),
    ];
    (
        description,
        proptest::option::of(any::<bool>()),
        rotation,
        maybe(policy(statements)),
        any::<bool>(),
        maybe(tags()),
    )
        .prop_map(|(description, enabled, rotation, policy, usage, tags)| {
            let own = json!({
                "description": description, "enabled": enabled, "policy": policy, "tags": tags,
                "keyUsage": usage.then_some("ENCRYPT_DECRYPT"),
            });
            merged(own, rotation)
        })
        .boxed()
}

/// The spec of a log bucket.
pub(crate) fn log_bucket() -> BoxedStrategy<Value> {
    let statements = vec![
        json!({"Sid": "Transport", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::payments/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
        json!({"Sid": "AmazonBedrockLogsWrite", "Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"},
            "Action": "s3:PutObject", "Resource": "arn:aws:s3:::payments/AWSLogs/111122223333/BedrockModelInvocationLogs/*"}),
        json!({"Sid": "Readers", "Effect": "Allow", "Principal": {"AWS": ["111122223333", "222233334444"]},
            "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["arn:aws:s3:::payments", "arn:aws:s3:::payments/*"]}),
    ];
    let access = any::<[bool; 4]>().prop_map(|[one, two, three, four]| {
        json!({"blockPublicAcls": one, "ignorePublicAcls": two, "blockPublicPolicy": three, "restrictPublicBuckets": four})
    });
    let key = "arn:aws:kms:eu-west-1:111122223333:key/1";
    let default = prop_oneof![
        Just(json!({"sseAlgorithm": "AES256"})),
        Just(json!({"sseAlgorithm": "aws:kms", "kmsMasterKeyID": key})),
        Just(json!({"sseAlgorithm": "aws:kms:dsse"})),
    ];
    let blocked = prop_oneof![Just(json!(["SSE-C"])), Just(json!([]))];
    let encryption = (default, proptest::option::of(any::<bool>()), maybe(blocked)).prop_map(|(default, bucket_key, blocked)| {
        let blocked = if blocked.is_null() { Value::Null } else { json!({ "encryptionType": blocked }) };
        let rule = object(json!({
            "applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": bucket_key, "blockedEncryptionTypes": blocked,
        }));
        json!({ "rules": [rule] })
    });
    let ownership = select(&["ObjectWriter", "BucketOwnerPreferred", "BucketOwnerEnforced"][..])
        .prop_map(|ownership| json!({"rules": [{ "objectOwnership": ownership }]}));
    let versioning = select(&["Enabled", "Suspended"][..]).prop_map(|status| json!({ "status": status }));
    let parts = (maybe(access), maybe(encryption), maybe(ownership), maybe(policy(statements)));
    (parts, maybe(lifecycle()), maybe(versioning), maybe(tags()))
        .prop_map(|((access, encryption, ownership, policy), lifecycle, versioning, tags)| {
            object(json!({
                "publicAccessBlockConfiguration": access, "serverSideEncryptionConfiguration": encryption,
                "ownershipControls": ownership, "policy": policy, "lifecycleConfiguration": lifecycle,
                "versioningConfiguration": versioning, "tags": tags,
            }))
        })
        .boxed()
}

fn lifecycle() -> BoxedStrategy<Value> {
    let filter = || {
        maybe(prop_oneof![
            Just(json!({})),
            Just(json!({"prefix": "logs/"})),
            Just(json!({"and": {"prefix": "x/", "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]}})),
        ])
    };
    let days = || select(&[1, 400, 3650][..]);
    let transitions = maybe(
        subsequence(
            vec![json!({"days": 30, "storageClass": "STANDARD_IA"}), json!({"days": 90, "storageClass": "GLACIER"})],
            1..=2,
        )
        .prop_map(Value::from),
    );
    elements("id", &["audit", "old", "a b"], move || {
        let status = select(&["Enabled", "Disabled"][..]);
        (status, filter(), days(), proptest::option::of(days()), transitions.clone()).prop_map(
            |(status, filter, days, noncurrent, transitions)| {
                // Objects move before they expire.
                let transitions = if days > 90 { transitions } else { Value::Null };
                object(json!({
                    "status": status, "filter": filter, "expiration": {"days": days}, "transitions": transitions,
                    "noncurrentVersionExpiration": noncurrent.map(|days| json!({ "noncurrentDays": days })),
                }))
            },
        )
    })
    .prop_map(|rules| json!({ "rules": rules }))
    .boxed()
}

/// The same with every list in another order.
pub(crate) fn shuffled(spec: &Value, seed: u64) -> Value {
    fn walk(value: &mut Value, random: &mut ChaCha8Rng) {
        match value {
            Value::Array(items) => {
                items.shuffle(random);
                items.iter_mut().for_each(|item| walk(item, random));
            }
            Value::Object(members) => members.values_mut().for_each(|member| walk(member, random)),
            _ => {}
        }
    }
    let mut spec = spec.clone();
    walk(&mut spec, &mut ChaCha8Rng::seed_from_u64(seed));
    spec
}

/// What an absent member of an element means, by the list that the element is in (kinds/guardrail/README.md, Defaults).
fn defaults(list: &str, element: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    let mut found = vec![("inputEnabled", json!(true)), ("outputEnabled", json!(true))];
    match list {
        "piiEntities" | "regexes" => {
            found.extend(["inputAction", "outputAction"].map(|side| (side, element["action"].clone())));
        }
        "grounding" => found = vec![("action", json!("BLOCK")), ("enabled", json!(true))],
        "tags" => found.clear(),
        _ => found.extend(["inputAction", "outputAction"].map(|side| (side, json!("BLOCK")))),
    }
    match list {
        "filters" => found.extend(["inputModalities", "outputModalities"].map(|side| (side, json!(["TEXT"])))),
        "topics" => found.extend([("examples", json!([])), ("type", json!("DENY"))]),
        _ => {}
    }
    found
}

/// The same with defaults of elements and policies written out, or left out, as the seed has it.
pub(crate) fn with_other_defaults(spec: &Value, seed: u64) -> Value {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut spec = spec.clone();
    for (policy, lists) in POLICIES {
        let Some(section) = spec.get_mut(*policy).and_then(Value::as_object_mut) else { continue };
        for (list, _) in *lists {
            let elements = section.get_mut(*list).and_then(Value::as_array_mut);
            for element in elements.into_iter().flatten().filter_map(Value::as_object_mut) {
                let what = if *policy == "contextualGroundingPolicy" { "grounding" } else { list };
                for (member, default) in defaults(what, element) {
                    match element.get(member) {
                        None if random.random() => drop(element.insert(member.to_owned(), default)),
                        Some(value) if *value == default && random.random() => drop(element.remove(member)),
                        _ => {}
                    }
                }
            }
            if section.get(*list).is_none() && random.random() {
                section.insert((*list).to_owned(), json!([]));
            }
        }
        if *policy != "wordPolicy" && *policy != "sensitiveInformationPolicy" {
            match section.get("tier").cloned() {
                None if random.random() => drop(section.insert("tier".into(), json!({"tierName": "CLASSIC"}))),
                Some(tier) if tier["tierName"] == "CLASSIC" && random.random() => drop(section.remove("tier")),
                _ => {}
            }
        }
    }
    spec
}

/// GET-side policy, its lists, and the request-side names of both: written down here a second time, on purpose.
const POLICIES: &[(&str, &[(&str, &str)])] = &[
    ("contentPolicy", &[("filters", "filtersConfig")]),
    ("topicPolicy", &[("topics", "topicsConfig")]),
    ("wordPolicy", &[("words", "wordsConfig"), ("managedWordLists", "managedWordListsConfig")]),
    ("sensitiveInformationPolicy", &[("piiEntities", "piiEntitiesConfig"), ("regexes", "regexesConfig")]),
    ("contextualGroundingPolicy", &[("filters", "filtersConfig")]),
];

/// The body of UpdateGuardrail that makes a guardrail look like `spec`, as an attacker would send it.
pub(crate) fn request(name: &str, spec: &Value) -> Value {
    let mut body = json!({ "guardrailIdentifier": format!("guardrail:{name}"), "name": name });
    for member in ["description", "blockedInputMessaging", "blockedOutputsMessaging"] {
        if let Some(value) = spec.get(member) {
            body[member] = value.clone();
        }
    }
    if let Some(profile) = spec.pointer("/crossRegionDetails/guardrailProfileId") {
        body["crossRegionConfig"] = json!({ "guardrailProfileIdentifier": profile });
    }
    for (policy, lists) in POLICIES {
        let Some(section) = spec.get(*policy).filter(|section| section.is_object()) else { continue };
        let mut config = Map::new();
        for (list, request_list) in *lists {
            if let Some(elements) = section.get(*list).and_then(Value::as_array).filter(|list| !list.is_empty()) {
                let mut elements = elements.clone();
                for topic in elements.iter_mut().filter(|_| *list == "topics") {
                    // The request requires what the answer always has.
                    topic["type"] = json!("DENY");
                }
                config.insert((*request_list).to_owned(), json!(elements));
            }
        }
        if config.is_empty() {
            continue;
        }
        if let Some(tier) = section.get("tier") {
            config.insert("tierConfig".into(), tier.clone());
        }
        body[format!("{policy}Config")] = Value::Object(config);
    }
    body
}

/// A declaration as text. JSON is YAML.
pub(crate) fn declaration(kind: &str, name: &str, spec: &Value, when_stronger: &str) -> String {
    json!({"kind": kind, "name": name, "whenStronger": when_stronger, "spec": spec}).to_string()
}
