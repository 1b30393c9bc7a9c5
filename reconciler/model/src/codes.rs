//! Every code that the tool prints, with the text of `explain`.

/// One code.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    /// The code: `BRX` and four digits.
    pub id: &'static str,
    /// The fixed summary.
    pub title: &'static str,
    /// What it means and what to do.
    pub explanation: &'static str,
}

/// The code with this id, in any letter case.
pub fn find(id: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.id.eq_ignore_ascii_case(id))
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $id:literal, $title:literal, $explanation:literal;)+) => {
        $(#[doc = $title] pub const $name: &str = $id;)+
        /// All codes, in order.
        pub const CODES: &[Code] = &[$(Code { id: $id, title: $title, explanation: $explanation }),+];
    };
}

codes! {
    NO_DECLARATIONS = "BRX0101", "no declarations", "The folder holds no declaration, so there would be nothing to hold. Point --desired at the folder that holds organization.yaml and the declarations, or write a first declaration; `export` prints the live state as declarations.";
    UNREADABLE = "BRX0102", "file cannot be read", "A file of the desired state could not be read. Nothing was planned, because a declaration that is not read would look like one that was removed. Check the path, the permissions, and that the file is UTF-8 text.";
    TOO_LARGE = "BRX0103", "file too large", "A file of the desired state is larger than the limit. Declarations are small; a file of this size is usually a mistake (an export of something else, a binary). Split it, or remove it from the folder.";
    ALIAS_BOMB = "BRX0104", "aliases expand too far", "The anchors and aliases of the file expand to more nodes than any desired state needs. The file was not expanded. Write the repeated part out, or check where the file comes from.";
    SYNTAX = "BRX0105", "not valid YAML", "The text is not valid YAML. Indent with spaces, never with tabs, and quote text that begins with a special character.";
    REPEATED_MEMBER = "BRX0106", "key given twice", "One mapping holds the same key twice. YAML readers disagree on which of the two holds, so neither does. Remove one.";
    UNKNOWN_MEMBER = "BRX0201", "unknown key", "The key is not one that this kind of resource has. A key that is silently ignored would be a control that is silently not enforced.";
    REQUEST_SIDE_NAME = "BRX0202", "request-side name", "The key is what the AWS request calls it. Declarations use the names of the service's GET answer, so that what `export` prints is what may be declared.";
    UNKNOWN_WORD = "BRX0203", "unknown value", "The value is not one that this build knows for this key. If AWS added it after this build, mark it: `other:VALUE`; it is then passed on as it is, and its direction is reported as unknown.";
    WRONG_SHAPE = "BRX0204", "wrong type or missing key", "The value has another type than the key takes, or a required key is missing.";
    REPEATED_ADDRESS = "BRX0205", "declared twice", "Two declarations name the same resource in the same account and region. Which of them would hold depends on nothing but luck, so neither does. Remove one, or narrow its `where`.";
    UNKNOWN_KIND = "BRX0206", "unknown kind", "No such kind of resource. `bedrock-reconciler schema` lists the kinds.";
    REPEATED_ELEMENT = "BRX0207", "element given twice", "One list holds two elements with the same natural key (the same filter type, topic name, tag key). Remove one.";
    UNKNOWN_CONTROL = "BRX0208", "unknown control", "No such control. `bedrock-reconciler controls` lists them.";
    BAD_NAME = "BRX0209", "name not allowed", "The name breaks the rules that the service has for names of this kind.";
    ACCOUNT_ID = "BRX0301", "account id is not twelve digits", "Account ids are text of exactly twelve digits, and may begin with zero. Written without quotes, a YAML reader may take one for a number and drop the leading zeros, so ids that begin with zero must be quoted.";
    ORGANIZATION = "BRX0302", "organization file", "`organization.yaml` names the partition, the regions, the accounts and the role to assume. It is missing, or part of it is wrong.";
    NO_SUCH_TARGET = "BRX0303", "where matches nothing", "The `where` of the declaration matches no account or no region of `organization.yaml`, so the declaration would be enforced nowhere.";
    UNKNOWN_PLACEHOLDER = "BRX0401", "unknown placeholder", "Placeholders are ${account.id}, ${account.id@NAME}, ${account.name}, ${region}, ${partition}, ${ref:KIND/NAME.FIELD} and look-ups such as ${kms:alias/NAME}. Write $${ for a literal ${.";
    UNRESOLVED_REFERENCE = "BRX0402", "reference not resolved", "The reference names a declaration or a field that does not exist in the same account and region. Fields are those that the other declaration's spec has, and what only the live resource knows, such as its ARN. A resource of another account or region is named with KIND/NAME@ACCOUNT/REGION.FIELD.";
    UNRESOLVED_LOOKUP = "BRX0403", "look-up not resolved", "The look-up found nothing in this account and region, or several things of that name. The resource it names has to exist before anything can refer to it, and the name has to be that of one. The address is not planned; the others are.";
    LIMIT = "BRX0501", "over a service limit", "The service would reject the value. It is refused before any call is made, so that a restore does not fail half-way.";
    TIER_NEEDS_PROFILE = "BRX0502", "STANDARD tier without a guardrail profile", "The STANDARD tier evaluates content in the regions of a guardrail profile, so the guardrail has to name one in crossRegionDetails. Note that this moves prompts across regions.";
    CONTRADICTION = "BRX0503", "keys contradict each other", "Two keys of the declaration cannot both hold; the service would reject them or ignore one.";
    DATA_TYPE = "BRX0521", "type of data events not accepted", "PutEventSelectors rejects the type, or nobody has shown that it takes it. One type that is rejected makes the whole call fail, so no selector would be restored. Guides name types that do not exist; write the one that is proposed. A type that AWS added after this build is written `other:TYPE`.";
    MANAGEMENT_EVENTS_LOST = "BRX0522", "management events would be lost", "InvokeModel, Converse and every change of the configuration are management events. Selectors of data events alone drop them, and nothing complains. Add a selector with `eventCategory` equal to `Management`; or, where another trail records them, write `managementEventsElsewhere: true`.";
    STRONGER = "BRX1001", "stronger than desired", "The live value protects more than the declaration asks for. It is reported and kept: the tool never weakens a control unless the declaration says `whenStronger: undo`. Either raise the declaration to the live value, or allow the undo.";
    EXTRA_REFUSED = "BRX1002", "would drop a member this build does not know", "The live resource has a member that this build does not know, at a place where it cannot be carried through a write that replaces the whole resource. The write is refused, because it would remove it. Upgrade, or remove the member by hand if it is not wanted.";
    EXTRA_CARRIED = "BRX1003", "member this build does not know", "The live resource has a member that this build does not know. It is kept, and carried through writes.";
    VERSIONS_FULL = "BRX1004", "version limit reached", "A guardrail holds at most 20 versions, and the limit cannot be raised. Without a free one no restored content can be published. Old versions that nothing is known to refer to can be removed: `deleteUnreferencedVersions: true` in the settings for the daemon; an operator approves it with the plan.";
    ACCOUNT_POLICY = "BRX1005", "blocked by account policy", "An account-level policy of CloudWatch Logs sets the retention. PutRetentionPolicy would answer success and change nothing, so it is not called. Change or remove the account policy.";
    IMMUTABLE = "BRX1006", "cannot be changed in place", "The field can only be changed by deleting and creating the resource again, which would lose data. That is not done automatically.";
    NOT_REPORTED = "BRX1007", "not reported by the service here", "The service does not report this delivery flag in this region. The flag is sent with every write; it cannot be confirmed.";
    AMBIGUOUS = "BRX1008", "two resources with one name", "Two live resources have the declared name, so it cannot be told which one is meant. Nothing is changed. Rename or remove one of them.";
    OTHER_VERSIONS = "BRX1009", "older versions differ", "Published versions are immutable. Callers that are pinned to a version that differs from the declaration do not get what is declared; move them to the newest version.";
    WAITS = "BRX1010", "waits for another resource", "The declaration refers to what only the live resource of another declaration knows, and that resource is not there, or what is referred to is not as declared yet (the newest version of a guardrail, when that is weak). Nothing is planned for this address until it is: `enforce` and `restore` put the other one right first, read it, and go on with this one in the next round.";
    SELECTOR_FORM = "BRX1021", "basic and advanced selectors replace each other", "A trail has basic event selectors or advanced ones, and writing the one kind removes the other. That is done only for the selectors of a trail that nobody configured, or when the declaration says so: `eventSelectors: null` beside advancedEventSelectors. Compare the two first: what only the old selectors take is no longer recorded.";
    SELECTOR_REPLACED = "BRX1022", "selector of a declared type replaced", "A declaration is complete for each category and type of events that it names selectors for. The live trail has another selector of the same category and type, which takes events that the declared ones do not; it is replaced. Declare it as well if it is wanted.";
    HOME_ELSEWHERE = "BRX1023", "trail is at home elsewhere", "The trail is seen here only as the shadow of one in another region or account. It can be changed in its home region only, an organization trail in the management account only. Narrow `where` to the home. No second trail is created, because every event would be recorded, and paid for, twice.";
    DELIVERY_FAILS = "BRX1024", "log files are not delivered", "The trail logs, and S3 refused its last delivery. The events are kept by CloudTrail for some time only. Usually the bucket's policy, the bucket or the key has changed: CloudTrail needs s3:GetBucketAcl and s3:PutObject under the prefix, and the use of the key.";
    DANGLING = "BRX1071", "dangling principal", "A policy names a principal by its unique id (AROA.. or AIDA..). AWS shows that once the user or role was deleted, and keeps showing it when another one of the same name is created: the policy does not mean that one. Writing the declared policy again makes the ARN mean whoever has it now. AWS refuses that while nobody has it; create the user or role first, or remove it from the declaration.";
    OF_AWS = "BRX1072", "belongs to AWS", "The resource is made and changed by AWS alone, such as a role that is linked to a service. Every write would be refused. Declare a resource of your own.";
    NOT_CREATED = "BRX1081", "missing, and not created", "The resource is missing, and a new one of its name would not be the one that was lost: what was encrypted under a lost key stays encrypted under it, and the name of a lost bucket may belong to somebody else by now. Look for the reason first. To have a new one created, write `createWhenMissing: true` in the spec.";
    BUCKET_ELSEWHERE = "BRX1082", "bucket is in another region", "The bucket exists in another region. Bedrock and CloudWatch Logs deliver to buckets of their own region, and a bucket cannot be moved. Narrow `where`, or put ${region} into the name.";
    NOT_CUSTOMER_MANAGED = "BRX1084", "key is not managed by you", "The alias names a key that AWS manages. Its policy and rotation cannot be changed, and the control asks for a customer managed key. Point the alias to one.";
    KEY_PENDING_DELETION = "BRX1085", "key waits for its deletion", "Somebody has scheduled the deletion of the key. After it, everything that is encrypted under the key is lost, and nothing brings it back. The deletion is cancelled, which leaves the key disabled, so it is enabled again too.";
    NO_VPC = "BRX1061", "no such VPC", "The name of an endpoint says which VPC it is in, by the VPC's `Name` tag or its id, and there is none. It may be gone, or somebody has changed its tag. Nothing is created elsewhere instead. Put the tag back, or name the VPC that is meant.";
    ENDPOINT_STATE = "BRX1062", "endpoint is not available", "The endpoint exists and is not in the state `available`. One that failed, was rejected or has expired cannot be repaired in place, and the tool deletes none: delete it, and the next run creates it again as it is declared. One that waits for acceptance needs the owner of the service.";
    PRIVATE_DNS_VPC = "BRX1063", "the VPC does not allow private DNS", "Private DNS needs enableDnsSupport and enableDnsHostnames of the VPC. Without private DNS the usual names of the service lead out of the VPC. The attributes belong to the VPC and may matter to others, so they are not switched here.";
    ENDPOINT_PLACEMENT = "BRX1064", "subnets or groups do not fit", "Subnets and security groups of an endpoint have to be in its VPC, and the subnets in different availability zones that the service is offered in. AWS would refuse the create. Correct the ids or the look-ups.";
    ENDPOINT_SERVICE = "BRX1065", "service not offered as declared", "The region does not offer the service to interface endpoints, or the service takes no endpoint policy. Narrow `where` to regions that have it; see DescribeVpcEndpointServices.";
    ENDPOINT_DEFAULTS = "BRX1066", "new endpoint has defaults of AWS", "The endpoint is created, and the declaration leaves out a part that AWS then fills in. Declare it to say what it should be.";
    OUTSIDERS = "BRX1067", "outsiders may use the endpoint", "A statement of the endpoint's policy allows principals without a condition that ties them to the organization, to accounts or to the VPC. Whoever has credentials of another account can send data out through the endpoint. Add a condition on aws:PrincipalOrgID or aws:SourceVpc with an operator that an absent key does not pass.";
    NOT_CHECKED = "BRX1068", "could not be checked beforehand", "A read that only serves to find obstacles before a write failed. The write is planned all the same; should there be an obstacle, AWS refuses it and nothing is changed. Grant the read that is named.";
    SAME_RESOURCE = "BRX1069", "two names for one resource", "Two declarations name the same live resource in different ways, such as an endpoint's VPC by tag and by id. They would undo each other, so neither is planned. Remove one.";
    BLAST_RADIUS = "BRX1101", "more changes than allowed", "The plan changes more resources than the cap of one run. Many changes at once are more often a wrong declaration than many attacks. Review the plan; raise `maxChanges` or approve the plan by its id if it is right.";
    STALE_PLAN = "BRX1102", "plan is stale", "The desired state or the journal moved after the plan was made. Plan again.";
    PAUSED = "BRX1103", "paused", "A file named `paused` is in the state folder, so no write call is made. Its text says why and until when. Remove it to resume.";
    MOVED = "BRX1104", "changed since it was planned", "The live resource is not what the plan was made for. The step and what needs it were not carried out. Plan again.";
    CONTESTED = "BRX1105", "contested", "Another actor undid the same restore twice. Nothing more is written to the resource until somebody looks: find the other controller in the CloudTrail events, and stop one of the two.";
    STATE_IN_USE = "BRX1106", "another run holds the state folder", "Two runs that write at the same time would undo each other. Wait for the other one, or give this one another --state folder if they manage different organizations.";
    NOT_SEEN = "BRX1107", "not part of what was approved", "A later round of a restore would change resources that the approved plan neither changed nor named as waiting. Nothing more was written. Look at what is still open, and run the command again.";
    DENIED = "BRX2001", "access denied", "The caller may not make this call. What could not be read is unknown, never absent: nothing is created, deleted or called clean because of it. Grant the action that is named.";
    THROTTLED = "BRX2002", "throttled", "AWS kept answering that calls come too fast, after all retries. What could not be read is unknown.";
    NO_CREDENTIALS = "BRX2003", "no credentials", "No AWS credentials were found. Set AWS_PROFILE, run `aws sso login`, or run on an instance or container with a role. To try the tool without an account: --aws embedded.";
    EXPIRED_CREDENTIALS = "BRX2004", "credentials have expired", "The session's credentials are past their time. Log in again, for instance with `aws sso login`.";
    NETWORK = "BRX2005", "AWS not reached", "No answer came from the endpoint. Check the network, proxy settings and AWS_ENDPOINT_URL.";
    WRONG_REGION = "BRX2006", "service not available in this region", "The region is not enabled for the account, does not exist, or does not offer the service. Enable it, or take it out of `organization.yaml`.";
    AWS_ERROR = "BRX2007", "AWS answered with an error", "The call failed for a reason that retrying did not cure. The code and the request id are those of AWS.";
    ODD_ANSWER = "BRX2008", "answer not understood", "The answer lacks a member that it must have, or has another type than documented. It is not guessed at: the resource is unknown.";
    NOT_SETTLED = "BRX3001", "did not settle in time", "The resource was still changing when the time was up. It is not known to be restored.";
    BROKEN_PROMISE = "BRX3002", "read-back differs from the promise", "The call answered success, but a fresh read shows something else. The restore is not believed. Either the write had no effect, or somebody changed the resource at the same moment.";
    STEP_FAILED = "BRX3003", "step failed", "The call of the step failed. The steps that need it were not tried.";
    JOURNAL = "BRX3101", "journal", "The journal could not be read or written. Without it no write is made, because a crash could not be recovered from.";
    CALLERS = "BRX0531", "callers may be locked out", "From the moment that a guardrail is enforced, every caller of models who may not use bedrock:ApplyGuardrail on it (and kms:Decrypt on its key, and bedrock:ApplyGuardrail on its guardrail profile) gets AccessDenied for every call. Who may is not looked up here. Check the callers, grant what is missing, and say so in the declaration with `callersMayApplyGuardrail: true`.";
    NOT_ENFORCEABLE = "BRX1051", "guardrail cannot be enforced", "The guardrail or the version that is to be enforced is of another account or region, is not there, is not ready, or has an automated reasoning policy. Model calls of the whole account and region would fail, so nothing is written. Refer to a guardrail of the same account and region with `${ref:guardrail/NAME.guardrailArn}` and `${ref:guardrail/NAME.version}`.";
    ORGANIZATION_ACCESS = "BRX1047", "no organization to manage", "The account is in no organization, so there are no organization policies. Organization policies are read and written in the management account, or in an account that the organization's resource policy delegates to. `managementAccount` of organization.yaml has to name that account.";
    TARGET_MISSING = "BRX1048", "no such root, unit or account", "A policy is declared for a target that the organization does not have. Units are written as their path from the root down, such as `Workloads/Production`, accounts as their twelve digits, the root as `Root`. A unit that was renamed or moved has another path.";
    POLICY_TYPE_OFF = "BRX1043", "policy type is not enabled", "Policies of a type are in force only while the type is enabled in the root of the organization. To disable it takes every attachment away, and to enable it again brings none back but that of FullAWSAccess. The type is enabled where a declared attachment needs it, and what is declared is attached again; what was attached and is not declared has to be found in CloudTrail.";
    LOCK_OUT = "BRX1044", "policy may lock the reconciler out", "A service control policy denies what the reconciler needs in the accounts that it covers, and does not exempt its role. It would then be unable to restore anything there. Add ArnNotLike aws:PrincipalArn with the ARN of the role to the conditions of the statement. The management account is never affected, so the policy itself can still be changed there.";
    NOT_COVERED = "BRX1045", "target is never covered", "Service control policies affect no one in the management account, whatever they are attached to. Guard that account in other ways, and keep workloads out of it.";
    ENFORCED_UNSEEN = "BRX1046", "enforcement is not seen from here", "A Bedrock policy takes effect in the member accounts. That it is stored and attached is verified by reading it back; that calls go through the guardrail is seen only in a member account, with DescribeEffectivePolicy and a call of a model.";
    ALTERED = "BRX3102", "journal or evidence was altered", "A line of the journal or a file of evidence is not what the hash chain says, is gone, or was added. What the tool says about the past can then not be relied on at that place. `audit verify` names every place. Keep the folder as it is for those who look into it, and go on with another one (`--state`). A disk that lost what it had confirmed looks the same. Where it is known why only `journal.head` differs (an older build wrote the journal), that file can be removed: it is made again.";
    UNKNOWN_RUN = "BRX3103", "unknown run or incident", "The journal has no run and no incident of this id. `history` lists them.";
    EVIDENCE = "BRX3104", "evidence could not be kept", "A file of the incident could not be written or read. What is about to be changed is put on disk first, so that it can be shown afterwards; where that fails nothing is changed. Check the space and the permissions of the state folder.";
}
