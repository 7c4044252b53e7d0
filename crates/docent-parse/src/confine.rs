//! What a parsing child gives up before it sees a file: the network, other programs and other processes.
//!
//! On Linux the kernel is told to refuse these calls from here on (seccomp), which needs no privileges and cannot be taken
//! back. Where that is not to be had the child works all the same, with its limits on memory, time and files, and
//! `docent doctor` says so.

#[cfg(target_os = "linux")]
pub(crate) fn shut_in() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return };
    let rules = FORBIDDEN.iter().map(|call| (*call, Vec::new())).collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch);
    // A kernel that knows no filters leaves things as they are; the probe tells.
    let _applied = filter.and_then(BpfProgram::try_from).map(|program| seccompiler::apply_filter(&program));
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn shut_in() {}

/// System calls that no parser needs: sockets, starting programs, looking into or changing other processes and the system.
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
    libc::SYS_execve,
    libc::SYS_execveat,
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
];
