//! Which addresses a plugin's request may reach.
//!
//! A table of special-purpose ranges and the operator's policy decide; [`PublicAddress`] proves that an address passed.
//! This module resolves no names (`host/store/src/http` does) and lists no allowed hosts ([`crate::http::Allowance`]
//! does). An IPv6 address that carries an IPv4 address is judged by the IPv4 address only if it has NAT64's well-known
//! prefix, because on a network without IPv4 a resolver answers with such addresses for public hosts. Every other form
//! (mapped, NAT64 for local use, 6to4, Teredo, ISATAP) is refused even if the inner address is public. Contract:
//! `wit/http.wit`; tests: below.
// tidy: numbers are IANA's, each beside its source in the table

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address that the host may connect to: a global one, or one that the operator allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAddress(IpAddr);

/// Why the host may not connect to an address. For the log only: the guest sees `access-denied`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPublic {
    /// The address.
    pub address: IpAddr,
    /// What the address's range is reserved for.
    pub purpose: &'static str,
    /// The document that reserves the range.
    pub source: &'static str,
}

/// An operator's exceptions to the table of special-purpose ranges.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    /// Ranges that plugins may reach although the table refuses them, such as a service on the loopback.
    pub allow: Vec<IpNet>,
    /// Ranges that plugins may not reach although they are public, such as the operator's own network or NAT64 prefix.
    /// `deny` wins over `allow`.
    pub deny: Vec<IpNet>,
}

impl PublicAddress {
    /// Checks one address. This is the only constructor of `PublicAddress`.
    pub fn parse(address: IpAddr, policy: &AddressPolicy) -> Result<Self, NotPublic> {
        let within = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&address));
        if within(&policy.deny) {
            return Err(NotPublic { address, purpose: "refused by the operator", source: "policy" });
        }
        if within(&policy.allow) {
            return Ok(Self(address));
        }
        let refused = match Embedded::of(address) {
            // What the packets reach is the IPv4 address, so both tables apply to it. An exception to the IPv4 table is none
            // here: whoever wants one names the IPv6 range.
            Embedded::Translated(inner) if within_v4(&policy.deny, inner) => {
                Some(("a translation of an address refused by the operator", "policy"))
            }
            Embedded::Translated(inner) => {
                special(IpAddr::V4(inner)).map(|range| (range.purpose, range.source))
            }
            Embedded::Tunnelled(purpose, source) => Some((purpose, source)),
            Embedded::Nothing => special(address).map(|range| (range.purpose, range.source)),
        };
        match refused {
            Some((purpose, source)) => Err(NotPublic { address, purpose, source }),
            None => Ok(Self(address)),
        }
    }

    /// The address.
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

/// The IPv4 address in an IPv6 address.
enum Embedded {
    /// The well-known prefix of NAT64, which a resolver with DNS64 answers on a network that has only IPv6. The network
    /// translates it to the IPv4 address.
    Translated(Ipv4Addr),
    /// ISATAP: the packets go to the IPv4 address inside the site that has the prefix. No public service has such an address.
    Tunnelled(&'static str, &'static str),
    /// None that counts. Every other form (mapped, compatible, translated, NAT64 for local use, 6to4, Teredo) is refused as a
    /// range in [`SPECIAL`], whatever is in it: no resolver answers with one of them for a public host.
    Nothing,
}

impl Embedded {
    fn of(address: IpAddr) -> Self {
        let IpAddr::V6(address) = address else { return Self::Nothing };
        match address.segments() {
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                Self::Translated(Ipv4Addr::new(a, b, c, d))
            }
            [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => Self::Tunnelled("ISATAP", "RFC 5214"),
            _ => Self::Nothing,
        }
    }
}

fn within_v4(nets: &[IpNet], address: Ipv4Addr) -> bool {
    nets.iter().any(|net| net.contains(&IpAddr::V4(address)))
}

fn special(address: IpAddr) -> Option<&'static Special> {
    SPECIAL.iter().find(|range| range.net.contains(&address))
}

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, purpose, source } = self;
        write!(f, "{address} is not a public address: {purpose} ({source})")
    }
}

impl std::error::Error for NotPublic {}

/// A range of addresses with a special purpose.
struct Special {
    net: IpNet,
    purpose: &'static str,
    source: &'static str,
}

const fn v4(ip: [u8; 4], len: u8, purpose: &'static str, source: &'static str) -> Special {
    let [a, b, c, d] = ip;
    Special { net: IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len)), purpose, source }
}

/// A range of IPv6 addresses. The last four groups are zero except for the ranges under `::/64`.
const fn v6(head: [u16; 4], tail: [u16; 4], len: u8, purpose: &'static str, source: &'static str) -> Special {
    let ip = Ipv6Addr::new(head[0], head[1], head[2], head[3], tail[0], tail[1], tail[2], tail[3]);
    Special { net: IpNet::V6(Ipv6Net::new_assert(ip, len)), purpose, source }
}

const ZERO: [u16; 4] = [0; 4];

/// IANA's special-purpose registries and the address blocks that are not unicast, with narrow ranges before the wide
/// ones that contain them. The table includes ranges that the registries call globally reachable (AS112, AMT, anycast):
/// they lead to the nearest server, which is often one in the operator's own network.
#[rustfmt::skip]
static SPECIAL: &[Special] = &[
    v4([0, 0, 0, 0], 8, "this network", "RFC 791"),
    v4([10, 0, 0, 0], 8, "private use", "RFC 1918"),
    v4([100, 64, 0, 0], 10, "shared address space of carriers", "RFC 6598"),
    v4([127, 0, 0, 0], 8, "loopback", "RFC 1122"),
    v4([168, 63, 129, 16], 32, "a cloud's platform server", "Azure, virtual network documentation"),
    v4([169, 254, 0, 0], 16, "link local, metadata servers of clouds", "RFC 3927"),
    v4([172, 16, 0, 0], 12, "private use", "RFC 1918"),
    v4([192, 0, 0, 0], 24, "protocol assignments", "RFC 6890"),
    v4([192, 0, 2, 0], 24, "documentation", "RFC 5737"),
    v4([192, 31, 196, 0], 24, "AS112", "RFC 7535"),
    v4([192, 52, 193, 0], 24, "automatic multicast tunnelling", "RFC 7450"),
    v4([192, 88, 99, 0], 24, "6to4 relays", "RFC 7526"),
    v4([192, 168, 0, 0], 16, "private use", "RFC 1918"),
    v4([192, 175, 48, 0], 24, "AS112", "RFC 7534"),
    v4([198, 18, 0, 0], 15, "benchmarking", "RFC 2544"),
    v4([198, 51, 100, 0], 24, "documentation", "RFC 5737"),
    v4([203, 0, 113, 0], 24, "documentation", "RFC 5737"),
    v4([224, 0, 0, 0], 4, "multicast", "RFC 5771"),
    v4([255, 255, 255, 255], 32, "limited broadcast", "RFC 8190"),
    v4([240, 0, 0, 0], 4, "reserved", "RFC 1112"),

    v6(ZERO, ZERO, 128, "unspecified", "RFC 4291"),
    v6(ZERO, [0, 0, 0, 1], 128, "loopback", "RFC 4291"),
    v6(ZERO, [0, 0xffff, 0, 0], 96, "IPv4-mapped", "RFC 4291"),
    v6(ZERO, [0xffff, 0, 0, 0], 96, "IPv4-translated", "RFC 2765"),
    v6(ZERO, ZERO, 96, "IPv4-compatible", "RFC 4291"),
    v6([0x64, 0xff9b, 1, 0], ZERO, 48, "NAT64, local use", "RFC 8215"),
    v6([0x100, 0, 0, 0], ZERO, 64, "discard", "RFC 6666"),
    v6([0x100, 0, 0, 1], ZERO, 64, "dummy prefix", "RFC 9780"),
    v6([0x2001, 0, 0, 0], ZERO, 32, "Teredo", "RFC 4380"),
    v6([0x2001, 2, 0, 0], ZERO, 48, "benchmarking", "RFC 5180"),
    v6([0x2001, 0x10, 0, 0], ZERO, 28, "ORCHID", "RFC 4843"),
    v6([0x2001, 0x20, 0, 0], ZERO, 28, "ORCHIDv2", "RFC 7343"),
    v6([0x2001, 0x30, 0, 0], ZERO, 28, "drone remote identification", "RFC 9374"),
    v6([0x2001, 0, 0, 0], ZERO, 23, "protocol assignments", "RFC 2928"),
    v6([0x2001, 0xdb8, 0, 0], ZERO, 32, "documentation", "RFC 3849"),
    v6([0x2002, 0, 0, 0], ZERO, 16, "6to4", "RFC 3056"),
    v6([0x2620, 0x4f, 0x8000, 0], ZERO, 48, "AS112", "RFC 7534"),
    v6([0x3ffe, 0, 0, 0], ZERO, 16, "6bone, returned", "RFC 3701"),
    v6([0x3fff, 0, 0, 0], ZERO, 20, "documentation", "RFC 9637"),
    v6([0x5f00, 0, 0, 0], ZERO, 16, "segment routing", "RFC 9602"),
    v6([0xfc00, 0, 0, 0], ZERO, 7, "unique local", "RFC 4193"),
    v6([0xfe80, 0, 0, 0], ZERO, 10, "link local", "RFC 4291"),
    v6([0xfec0, 0, 0, 0], ZERO, 10, "site local", "RFC 3879"),
    v6([0xff00, 0, 0, 0], ZERO, 8, "multicast", "RFC 4291"),
    // The rest of the space outside of 2000::/3. IANA assigns global unicast addresses from 2000::/3 only.
    v6(ZERO, ZERO, 3, "not global unicast", "RFC 4291"),
    v6([0x4000, 0, 0, 0], ZERO, 2, "not global unicast", "RFC 4291"),
    v6([0x8000, 0, 0, 0], ZERO, 1, "not global unicast", "RFC 4291"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose(address: &str, policy: &AddressPolicy) -> Option<&'static str> {
        PublicAddress::parse(address.parse().unwrap(), policy).err().map(|refused| refused.purpose)
    }

    #[test]
    fn refusal_names_address_purpose_and_source() {
        let refused = PublicAddress::parse("::1".parse().unwrap(), &AddressPolicy::default()).unwrap_err();
        let sentence = refused.to_string();
        assert!(sentence.starts_with("::1 is not a public address: loopback (RFC"), "{sentence}");
    }

    #[test]
    fn special_purpose_addresses_are_refused_with_their_purpose() {
        let rows = [
            ("0.0.0.0", "this network"),
            ("10.255.255.255", "private use"),
            ("100.64.0.1", "shared address space of carriers"),
            ("100.100.100.200", "shared address space of carriers"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("168.63.129.16", "a cloud's platform server"),
            ("169.254.169.254", "link local, metadata servers of clouds"),
            ("172.16.0.0", "private use"),
            ("172.31.255.255", "private use"),
            ("192.0.0.192", "protocol assignments"),
            ("192.0.2.1", "documentation"),
            ("192.31.196.1", "AS112"),
            ("192.52.193.1", "automatic multicast tunnelling"),
            ("192.88.99.1", "6to4 relays"),
            ("192.168.0.1", "private use"),
            ("192.175.48.1", "AS112"),
            ("198.19.255.255", "benchmarking"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "limited broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "IPv4-mapped"),
            ("::ffff:169.254.169.254", "IPv4-mapped"),
            ("::ffff:8.8.8.8", "IPv4-mapped"),
            ("::ffff:0:10.0.0.1", "IPv4-translated"),
            ("::10.0.0.1", "IPv4-compatible"),
            ("64:ff9b:1::a00:1", "NAT64, local use"),
            ("100::1", "discard"),
            ("100:0:0:1::1", "dummy prefix"),
            ("2001::1", "Teredo"),
            ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "Teredo"),
            ("2001:2::1", "benchmarking"),
            ("2001:10::1", "ORCHID"),
            ("2001:2f::1", "ORCHIDv2"),
            ("2001:3f::1", "drone remote identification"),
            ("2001:1::1", "protocol assignments"),
            ("2001:db8::1", "documentation"),
            ("2002:7f00:1::", "6to4"),
            ("2002:a9fe:a9fe::1", "6to4"),
            ("2620:4f:8000::1", "AS112"),
            ("3ffe::1", "6bone, returned"),
            ("3fff:fff::1", "documentation"),
            ("5f00::1", "segment routing"),
            ("fc00::1", "unique local"),
            ("fd00:ec2::254", "unique local"),
            ("fe80::1", "link local"),
            ("fec0::1", "site local"),
            ("ff02::1", "multicast"),
            ("1000::1", "not global unicast"),
            ("4000::1", "not global unicast"),
            ("8000::1", "not global unicast"),
            ("e000::1", "not global unicast"),
        ];
        for (address, expected) in rows {
            assert_eq!(purpose(address, &AddressPolicy::default()), Some(expected), "{address}");
        }
        for range in SPECIAL {
            assert!(
                rows.iter().any(|(_, purpose)| *purpose == range.purpose),
                "no row for {}, {}",
                range.net,
                range.purpose
            );
        }
    }

    #[test]
    fn translated_address_is_judged_by_the_ipv4_address_in_it() {
        let policy = AddressPolicy {
            allow: vec!["10.1.0.0/16".parse().unwrap(), "64:ff9b::10.2.0.0/112".parse().unwrap()],
            deny: vec!["8.8.8.0/24".parse().unwrap()],
        };
        let rows = [
            ("64:ff9b::a9fe:a9fe", Some("link local, metadata servers of clouds")),
            ("64:ff9b::7f00:1", Some("loopback")),
            ("64:ff9b::0.0.0.0", Some("this network")),
            ("64:ff9b::10.0.0.1", Some("private use")),
            ("64:ff9b::172.31.255.255", Some("private use")),
            ("64:ff9b::192.168.1.1", Some("private use")),
            ("64:ff9b::100.100.100.200", Some("shared address space of carriers")),
            ("64:ff9b::168.63.129.16", Some("a cloud's platform server")),
            ("64:ff9b::224.0.0.1", Some("multicast")),
            ("64:ff9b::255.255.255.255", Some("limited broadcast")),
            ("64:ff9b::8.8.8.8", Some("a translation of an address refused by the operator")),
            ("64:ff9b::10.1.0.1", Some("private use")),
            // Other forms with a public address in it.
            ("64:ff9b:1::5db8:d822", Some("NAT64, local use")),
            ("64:ff9b:0:1::5db8:d822", Some("not global unicast")),
            ("64:ff9a::5db8:d822", Some("not global unicast")),
            ("::ffff:93.184.216.34", Some("IPv4-mapped")),
            ("::ffff:0:93.184.216.34", Some("IPv4-translated")),
            ("::93.184.216.34", Some("IPv4-compatible")),
            ("2002:5db8:d822::1", Some("6to4")),
            ("2001:0:5db8:d822::1", Some("Teredo")),
            ("2606:4700::5efe:10.0.0.1", Some("ISATAP")),
            ("2606:4700::200:5efe:93.184.216.34", Some("ISATAP")),
            ("fe80::5efe:10.0.0.1", Some("ISATAP")),
            ("64:ff9b::5db8:d822", None),
            ("64:ff9b::1.1.1.1", None),
            ("64:ff9b::10.2.0.1", None),
            ("2606:4700::300:5efe:a00:1", None),
            ("2606:4700::5eff:a00:1", None),
        ];
        for (address, expected) in rows {
            assert_eq!(purpose(address, &policy), expected, "{address}");
        }
    }

    #[test]
    fn addresses_beside_a_special_range_are_public() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:db7::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700::1111",
            "3ffd::1",
        ] {
            assert_eq!(purpose(address, &AddressPolicy::default()), None, "{address}");
        }
    }

    #[test]
    fn policy_allows_only_its_own_ranges_and_deny_wins_over_allow() {
        let policy = AddressPolicy {
            allow: vec!["127.0.0.0/8".parse().unwrap(), "10.1.0.0/16".parse().unwrap()],
            deny: vec!["10.1.2.0/24".parse().unwrap(), "8.8.8.0/24".parse().unwrap()],
        };
        for refused in ["::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "10.2.0.1", "10.1.2.3", "8.8.8.8"] {
            assert!(purpose(refused, &policy).is_some(), "{refused}");
        }
        for allowed in ["127.0.0.1", "10.1.0.1", "8.8.4.4"] {
            assert_eq!(purpose(allowed, &policy), None, "{allowed}");
        }
    }
}
