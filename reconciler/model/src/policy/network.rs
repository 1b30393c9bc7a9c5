//! IPv4 and IPv6 networks, as far as containment needs them.

use std::net::IpAddr;

/// The bits of an address, its width, and how many of them are fixed.
fn parse(text: &str) -> Option<(u128, u32, u32)> {
    let (address, fixed) = text.split_once('/').map_or((text, None), |(address, fixed)| (address, Some(fixed)));
    let (bits, width) = match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    // A length is digits, and no zero stands before them.
    let is_plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    let length = |text: &str| text.parse().ok().filter(|_| is_plain(text));
    let fixed = fixed.map_or(Some(width), length).filter(|fixed| *fixed <= width)?;
    Some((bits, width, fixed))
}

/// Whether the network or address `outer` certainly holds all of `inner`.
pub(super) fn contains(outer: &str, inner: &str) -> bool {
    outer == inner || compare(outer, inner) == Some(true)
}

/// Whether `outer` holds all of `inner`; `None` when either cannot be read.
pub(super) fn compare(outer: &str, inner: &str) -> Option<bool> {
    let ((outer, width, fixed), (inner, inner_width, inner_fixed)) = (parse(outer)?, parse(inner)?);
    let head = |bits: u128| bits.checked_shr(width - fixed).unwrap_or(0);
    Some(width == inner_width && fixed <= inner_fixed && head(outer) == head(inner))
}

/// An address of the network.
pub(super) fn address_in(network: &str) -> Option<String> {
    parse(network)?;
    network.split('/').next().map(str::to_owned)
}

/// The network or address in one spelling: without bits beyond the network, and an address without its length.
pub(super) fn canonical(text: &str) -> Option<String> {
    let (bits, width, fixed) = parse(text)?;
    let rest = width - fixed;
    let head = bits.checked_shr(rest).and_then(|bits| bits.checked_shl(rest)).unwrap_or(0);
    let address = match width {
        32 => IpAddr::V4(std::net::Ipv4Addr::from_bits(u32::try_from(head).ok()?)),
        _ => IpAddr::V6(std::net::Ipv6Addr::from_bits(head)),
    };
    Some(if rest == 0 { address.to_string() } else { format!("{address}/{fixed}") })
}
