//! The table of services. A service is one folder here and one line of the table; what other services may ask of it is a
//! method of the [`Directory`](crate::directory::Directory).

mod bedrock;
mod cloudtrail;
mod ec2;
mod iam;
mod kms;
mod logs;
mod organizations;
mod s3;
mod sts;

use bytes::Bytes;
use http::Request;

use crate::service::{Service, Settle};

pub(crate) use organizations::Organization;

/// The table: a service is known to the emulator by its line here, and by nothing else.
macro_rules! services {
    ($($state:ident: $($module:ident)::+,)*) => {
        /// Every service.
        pub(crate) const SERVICES: &[&Service] = &[$(&$($module)::+::SERVICE),*];

        /// What the services of one account and region hold: each its own state, and the [`Directory`](crate::directory)
        /// what it is asked for.
        #[derive(Clone, Default)]
        pub(crate) struct RegionState {
            $(pub(crate) $state: $($module)::+::State,)*
        }

        impl Settle for RegionState {
            fn settle(&mut self) {
                $(self.$state.settle();)*
            }
        }
    };
}

services! {
    bedrock: bedrock,
    bedrock_runtime: bedrock::runtime,
    cloudtrail: cloudtrail,
    ec2: ec2,
    iam: iam,
    kms: kms,
    logs: logs,
    organizations: organizations,
    s3: s3,
    s3control: s3::s3control,
    sts: sts,
}

/// A service that the emulator does not have.
const UNKNOWN: Service = Service::USUAL;

/// The service of that name.
pub(crate) fn find(name: &str) -> &'static Service {
    SERVICES.iter().copied().find(|service| service.name == name).unwrap_or(&UNKNOWN)
}

/// The service that a signed request is for.
pub(crate) fn addressed(signing_name: &str, request: &Request<Bytes>) -> Option<&'static Service> {
    let path = request.uri().path();
    let fits = |service: &&'static Service| {
        let endpoint = service.endpoint.filter(|endpoint| endpoint.signing_name == signing_name)?;
        endpoint.paths.iter().filter(|begin| path.starts_with(**begin)).map(|begin| begin.len()).max()
    };
    SERVICES.iter().copied().filter(|service| fits(service).is_some()).max_by_key(fits)
}

#[cfg(test)]
mod tests;
