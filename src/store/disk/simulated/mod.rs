//! A disk in memory that fails like a real one, controlled by a seed: it loses, tears or reorders what was not synced,
//! refuses any call, and becomes full. A power failure can happen at any call; [`after_power_cut`] determines what
//! survives.
//!
//! [`after_power_cut`]: SimulatedDisk::after_power_cut

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use self::file::Contents;
use super::{Disk, DiskFile, Space};

/// The calls of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    List,
    Create,
    Open,
    Link,
    Rename,
    Remove,
    SyncDir,
    Space,
    Size,
    Read,
    Write,
    Truncate,
    Sync,
}

/// Which calls fail, and how.
#[derive(Clone, Copy)]
pub enum Fault {
    /// All calls of one kind. A write stores this many bytes before it fails.
    Every(Call, io::ErrorKind, usize),
    /// The call with this number, of any kind. A write stores half of its bytes.
    Number(u64, io::ErrorKind),
}

/// The disk. All clones are the same disk.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

struct State {
    random: fastrand::Rng,
    files: Vec<Contents>,
    /// The names that are visible,
    names: BTreeMap<PathBuf, usize>,
    /// those that are durable,
    durable_names: BTreeMap<PathBuf, usize>,
    /// and the changes from the durable names to the visible ones.
    unsynced_names: Vec<NameChange>,
    capacity: u64,
    calls: u64,
    bytes_read: u64,
    faults: Vec<Fault>,
    /// The call at which the power fails.
    power_cut_at: Option<u64>,
}

#[derive(Clone)]
enum NameChange {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

impl NameChange {
    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Create(path, file) => {
                names.insert(path, file);
            }
            NameChange::Rename(from, to, file) => {
                names.remove(&from);
                names.insert(to, file);
            }
            NameChange::Remove(path) => {
                names.remove(&path);
            }
        }
    }
}

/// The outcome of a call.
enum Outcome {
    Succeeds,
    /// The power fails during the call. It may have taken effect, but it returns an error.
    LosesPower,
    /// The call fails. A write fails after this many bytes.
    Fails(io::Error, usize),
}

fn no_power() -> io::Error {
    io::Error::other("the power is out")
}

impl State {
    fn begin(&mut self, call: Call) -> Outcome {
        self.calls += 1;
        if let Some(at) = self.power_cut_at {
            if self.calls > at {
                return Outcome::Fails(no_power(), 0);
            }
            if self.calls == at {
                return Outcome::LosesPower;
            }
        }
        let fails = self.faults.iter().find_map(|fault| match *fault {
            Fault::Every(which, kind, wrote) => (which == call).then_some((kind, wrote)),
            Fault::Number(at, kind) => (at == self.calls).then_some((kind, usize::MAX)),
        });
        fails.map_or(Outcome::Succeeds, |(kind, wrote)| Outcome::Fails(kind.into(), wrote))
    }

    /// A call that changes nothing.
    fn look(&mut self, call: Call) -> io::Result<()> {
        match self.begin(call) {
            Outcome::Succeeds => Ok(()),
            Outcome::LosesPower => Err(no_power()),
            Outcome::Fails(error, _) => Err(error),
        }
    }

    /// A call that changes names.
    fn change(&mut self, call: Call, change: NameChange) -> io::Result<()> {
        let outcome = self.begin(call);
        if let Outcome::Fails(error, _) = outcome {
            return Err(error);
        }
        change.clone().apply(&mut self.names);
        self.unsynced_names.push(change);
        if matches!(outcome, Outcome::LosesPower) { Err(no_power()) } else { Ok(()) }
    }

    fn file_named(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].visible().len() as u64).sum()
    }
}

impl SimulatedDisk {
    /// An empty disk whose faults are derived from the seed.
    pub fn new(seed: u64) -> SimulatedDisk {
        SimulatedDisk(Arc::new(Mutex::new(State {
            random: fastrand::Rng::with_seed(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            capacity: 1 << 40,
            calls: 0,
            bytes_read: 0,
            faults: Vec::new(),
            power_cut_at: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// From now on these calls fail, and no others.
    pub fn fail(&self, faults: &[Fault]) {
        self.state().faults = faults.to_vec();
    }

    /// The number of calls so far.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// The number of bytes read so far.
    pub fn bytes_read(&self) -> u64 {
        self.state().bytes_read
    }

    /// The power fails at this call. The first call has the number 1.
    pub fn cut_power_at(&self, call: u64) {
        self.state().power_cut_at = Some(call);
    }

    /// True after the power has failed.
    pub fn has_no_power(&self) -> bool {
        let state = self.state();
        state.power_cut_at.is_some_and(|at| state.calls >= at)
    }

    /// Sets the capacity of the disk in bytes.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Continues after the process alone was killed at the call: what it had written is visible.
    pub fn after_kill(&self) {
        self.state().power_cut_at = None;
    }

    /// Continues after a power failure with what survived: each unsynced change of a name or none of it, and random
    /// sectors of unsynced writes.
    pub fn after_power_cut(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        for change in std::mem::take(&mut state.unsynced_names) {
            if state.random.bool() {
                change.apply(&mut state.durable_names);
            }
        }
        state.names = state.durable_names.clone();
        let named: BTreeSet<_> = state.names.values().copied().collect();
        for (at, file) in state.files.iter_mut().enumerate() {
            if named.contains(&at) {
                file.lose_power(&mut state.random);
            } else {
                *file = Contents::default();
            }
        }
        state.power_cut_at = None;
    }

    /// Every file, by name, with its visible contents.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        state.names.iter().map(|(path, file)| (path.clone(), state.files[*file].visible().to_vec())).collect()
    }

    /// Creates a file, durably, even if calls are set to fail.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        let file = state.files.len();
        state.files.push(Contents::durable(bytes));
        state.names.insert(path.to_owned(), file);
        state.durable_names.insert(path.to_owned(), file);
    }

    /// Deletes a file, durably.
    pub fn take_away(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    fn opened(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile { disk: self.clone(), file })
    }
}

impl Disk for SimulatedDisk {
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.look(Call::List)?;
        let names = state.names.keys().filter(|path| path.parent() == Some(directory));
        Ok(names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.files.len();
        state.files.push(Contents::default());
        state.change(Call::Create, NameChange::Create(path.to_owned(), file))?;
        Ok(self.opened(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.look(Call::Open)?;
        let file = state.file_named(path)?;
        Ok(self.opened(file))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open(path)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let file = state.file_named(from)?;
        state.change(Call::Link, NameChange::Create(to.to_owned(), file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let file = state.file_named(from)?;
        state.change(Call::Rename, NameChange::Rename(from.to_owned(), to.to_owned(), file))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file_named(path)?;
        state.change(Call::Remove, NameChange::Remove(path.to_owned()))
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.look(Call::SyncDir)?;
        for change in std::mem::take(&mut state.unsynced_names) {
            change.apply(&mut state.durable_names);
        }
        Ok(())
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        let mut state = self.state();
        state.look(Call::Space)?;
        Ok(Space { total: state.capacity, available: state.capacity.saturating_sub(state.used()) })
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
}

impl DiskFile for SimulatedFile {
    fn size(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.look(Call::Size)?;
        Ok(state.files[self.file].visible().len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.look(Call::Read)?;
        state.bytes_read += buffer.len() as u64;
        let from = usize::try_from(offset).unwrap();
        let bytes = state.files[self.file].visible().get(from..from + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let offset = usize::try_from(offset).unwrap();
        let visible = state.files[self.file].visible().len();
        let free = usize::try_from(state.capacity.saturating_sub(state.used())).unwrap();
        let fits = (visible + free).saturating_sub(offset).min(bytes.len());
        let (wrote, outcome) = match state.begin(Call::Write) {
            Outcome::Succeeds if fits < bytes.len() => (fits, Err(io::ErrorKind::StorageFull.into())),
            Outcome::Succeeds => (bytes.len(), Ok(())),
            Outcome::LosesPower => (fits, Err(no_power())),
            Outcome::Fails(error, usize::MAX) => (bytes.len() / 2, Err(error)),
            Outcome::Fails(error, wrote) => (wrote.min(bytes.len()), Err(error)),
        };
        state.files[self.file].write(offset, &bytes[..wrote]);
        outcome
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let outcome = state.begin(Call::Truncate);
        if let Outcome::Fails(error, _) = outcome {
            return Err(error);
        }
        state.files[self.file].truncate(usize::try_from(length).unwrap());
        if matches!(outcome, Outcome::LosesPower) { Err(no_power()) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        match state.begin(Call::Sync) {
            Outcome::Succeeds => {
                state.files[self.file].sync();
                Ok(())
            }
            Outcome::LosesPower => Err(no_power()),
            Outcome::Fails(error, _) => {
                state.files[self.file].fail_to_sync();
                Err(error)
            }
        }
    }
}
