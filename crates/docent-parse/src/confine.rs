//! What a child gives up before it sees a file: the network, other programs and other processes.
//!
//! On Linux the kernel is told to refuse these calls from here on (seccomp), which needs no privileges and cannot be taken
//! back. Where that is not to be had the child works all the same, with its limits on memory, time and files, and
//! `docent doctor` says so.

use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;

/// Descriptors that a child may have open.
const DESCRIPTORS: u64 = 64;

/// Lowers what this process may use, all but time: `memory` bytes of addresses, no files written, no core.
pub(crate) fn restrict(memory: u64) -> io::Result<()> {
    let cap = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    cap(Resource::As, memory)?;
    cap(Resource::Core, 0)?;
    cap(Resource::Fsize, 0)?;
    Ok(cap(Resource::Nofile, DESCRIPTORS)?)
}

/// Seconds of processor time of this process's whole life after which the system ends it.
pub(crate) fn restrict_time(seconds: u64) -> io::Result<()> {
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: None })?)
}

/// No other program is started from here on.
#[cfg(target_os = "linux")]
pub(crate) fn shut_in() {
    apply(forbidden().chain(STARTING).map(|call| (*call, Vec::new())).collect());
}

/// This process may become another program, which inherits everything else, and may not start a second process.
#[cfg(target_os = "linux")]
pub(crate) fn shut_in_but_exec() {
    use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let is_process = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(thread), 0);
    let is_process = is_process.and_then(|condition| SeccompRule::new(vec![condition]));
    let rules = forbidden().chain(FORKING).map(|call| (*call, Vec::new()));
    apply(rules.chain(is_process.map(|rule| (libc::SYS_clone, vec![rule]))).collect());
}

#[cfg(target_os = "linux")]
fn forbidden() -> impl Iterator<Item = &'static i64> {
    FORBIDDEN.iter().chain(FORBIDDEN_OLD)
}

#[cfg(target_os = "linux")]
fn apply(rules: std::collections::BTreeMap<i64, Vec<seccompiler::SeccompRule>>) {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return };
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch);
    // A kernel that knows no filters leaves things as they are; the probe tells.
    let _applied = filter.and_then(BpfProgram::try_from).map(|program| seccompiler::apply_filter(&program));
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn shut_in() {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn shut_in_but_exec() {}

/// System calls that nobody needs to read a file: sockets, looking into or changing other processes and the system.
#[cfg(target_os = "linux")]
const FORBIDDEN: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_io_uring_setup,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
];

/// The same by their older names, which not every machine has.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const FORBIDDEN_OLD: &[i64] = &[
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_mkdir,
    libc::SYS_link,
    libc::SYS_symlink,
];
#[cfg(all(target_os = "linux", not(target_arch = "x86_64")))]
const FORBIDDEN_OLD: &[i64] = &[];

/// Becoming another program.
#[cfg(target_os = "linux")]
const STARTING: &[i64] = &[libc::SYS_execve, libc::SYS_execveat];

/// Starting a second process. The kernel cannot look into what `clone3` is told, so it starts no thread either.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const FORKING: &[i64] = &[libc::SYS_clone3, libc::SYS_fork, libc::SYS_vfork];
#[cfg(all(target_os = "linux", not(target_arch = "x86_64")))]
const FORKING: &[i64] = &[libc::SYS_clone3];
