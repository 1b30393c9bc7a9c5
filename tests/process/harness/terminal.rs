//! A child at a pseudo-terminal: somebody sits there and answers.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A child that has a terminal as its three streams.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
}

impl Terminal {
    pub(crate) fn start(mut command: Command) -> Self {
        let near: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&near).expect("granted");
        unlockpt(&near).expect("unlocked");
        let name = ptsname(&near, Vec::new()).expect("a name");
        let far = OpenOptions::new().read(true).write(true).open(std::ffi::OsStr::from_bytes(name.to_bytes()));
        let far = far.expect("the far end");
        let stream = || far.try_clone().expect("a stream");
        command.stdin(stream()).stdout(stream()).stderr(stream());
        let child = command.spawn().expect("a process");
        // The far ends of the parent have to be closed, or the screen would never end.
        drop((command, far));
        let keyboard = File::from(near);
        let mut camera = keyboard.try_clone().expect("a stream");
        let (seen, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails when the far end is closed: the child is gone.
            while let Ok(length @ 1..) = camera.read(&mut buffer) {
                if seen.send(buffer[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen, shown: String::new() }
    }

    /// Waits until the screen has shown this.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.shown.contains(text) {
            assert!(Instant::now() < deadline, "`{text}` was not shown:\n{}", self.shown);
            match self.screen.recv_timeout(Duration::from_millis(100)) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(error) => assert!(error == std::sync::mpsc::RecvTimeoutError::Timeout, "gone:\n{}", self.shown),
            }
        }
    }

    /// Types a line.
    pub(crate) fn types(&mut self, line: &str) {
        self.keyboard.write_all(format!("{line}\n").as_bytes()).expect("typed");
    }

    /// Waits for the end: the exit code, and everything that was shown.
    pub(crate) fn wait(mut self) -> (i32, String) {
        while let Ok(bytes) = self.screen.recv_timeout(Duration::from_secs(60)) {
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        let status = self.child.wait().expect("ended");
        (status.code().unwrap_or(-1), self.shown.clone())
    }
}
