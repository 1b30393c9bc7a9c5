//! One file for each command.

pub(crate) mod adopt;
pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod drill;
pub(crate) mod emulator;
pub(crate) mod enforce;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod fmt;
pub(crate) mod history;
pub(crate) mod init;
pub(crate) mod manual;
pub(crate) mod pin;
pub(crate) mod plan;
pub(crate) mod reference;
pub(crate) mod restore;
pub(crate) mod status;
pub(crate) mod validate;
