//! A disk in memory that does, by a seed, all that a real one may: it forgets what was not synced, tears it, keeps it out
//! of order, refuses any call and fills up. A power cut comes at any call; what is there afterwards [`after_power_cut`]
//! says.
//!
//! [`after_power_cut`]: SimulatedDisk::after_power_cut

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use self::file::Contents;
use super::{Disk, DiskFile, Space};

/// What is asked of a disk.
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
    /// All of a kind. A write puts down so many bytes before it fails.
    Every(Call, io::ErrorKind, usize),
    /// The one with this number, whatever it is. A write puts down half.
    Number(u64, io::ErrorKind),
}

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

struct State {
    random: fastrand::Rng,
    files: Vec<Contents>,
    /// The names as they are seen,
    names: BTreeMap<PathBuf, usize>,
    /// as they are durable,
    durable_names: BTreeMap<PathBuf, usize>,
    /// and what leads from these to those.
    unsynced_names: Vec<Naming>,
    capacity: u64,
    calls: u64,
    bytes_read: u64,
    faults: Vec<Fault>,
    /// The call at which the power goes.
    power_cut_at: Option<u64>,
}

#[derive(Clone)]
enum Naming {
    Create(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Remove(PathBuf),
}

impl Naming {
    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Naming::Create(path, file) => {
                names.insert(path, file);
            }
            Naming::Rename(from, to, file) => {
                names.remove(&from);
                names.insert(to, file);
            }
            Naming::Remove(path) => {
                names.remove(&path);
            }
        }
    }
}

/// What becomes of a call.
enum Fate {
    Happens,
    /// The power goes while it happens: it may have taken effect, but nobody is told.
    IsLast,
    /// It fails; a write after so many bytes.
    Fails(io::Error, usize),
}

fn no_power() -> io::Error {
    io::Error::other("the power is out")
}

impl State {
    fn begin(&mut self, call: Call) -> Fate {
        self.calls += 1;
        if let Some(at) = self.power_cut_at {
            if self.calls > at {
                return Fate::Fails(no_power(), 0);
            }
            if self.calls == at {
                return Fate::IsLast;
            }
        }
        let fails = self.faults.iter().find_map(|fault| match *fault {
            Fault::Every(which, kind, wrote) => (which == call).then_some((kind, wrote)),
            Fault::Number(at, kind) => (at == self.calls).then_some((kind, usize::MAX)),
        });
        fails.map_or(Fate::Happens, |(kind, wrote)| Fate::Fails(kind.into(), wrote))
    }

    /// A call that only looks.
    fn look(&mut self, call: Call) -> io::Result<()> {
        match self.begin(call) {
            Fate::Happens => Ok(()),
            Fate::IsLast => Err(no_power()),
            Fate::Fails(error, _) => Err(error),
        }
    }

    /// A call that changes names.
    fn change(&mut self, call: Call, naming: Naming) -> io::Result<()> {
        let fate = self.begin(call);
        if let Fate::Fails(error, _) = fate {
            return Err(error);
        }
        naming.clone().apply(&mut self.names);
        self.unsynced_names.push(naming);
        if matches!(fate, Fate::IsLast) { Err(no_power()) } else { Ok(()) }
    }

    fn file_named(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn used(&self) -> u64 {
        self.names.values().map(|file| self.files[*file].seen().len() as u64).sum()
    }
}

impl SimulatedDisk {
    /// An empty disk whose accidents follow from the seed.
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

    /// Fails these calls from now on, and no others.
    pub fn fail(&self, faults: &[Fault]) {
        self.state().faults = faults.to_vec();
    }

    /// How many calls there have been.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// How much was read.
    pub fn bytes_read(&self) -> u64 {
        self.state().bytes_read
    }

    /// Lets the power go at a call: the first is number 1.
    pub fn cut_power_at(&self, call: u64) {
        self.state().power_cut_at = Some(call);
    }

    /// Whether it is out.
    pub fn has_no_power(&self) -> bool {
        let state = self.state();
        state.power_cut_at.is_some_and(|at| state.calls >= at)
    }

    /// How many bytes the disk can take in all.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = bytes;
    }

    /// Goes on after the process alone was killed at the call: what it had written is seen.
    pub fn after_kill(&self) {
        self.state().power_cut_at = None;
    }

    /// Goes on after a power cut with what has survived: each change of a name that was not synced, or not; of what was
    /// written and not synced, any sectors.
    pub fn after_power_cut(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        for naming in std::mem::take(&mut state.unsynced_names) {
            if state.random.bool() {
                naming.apply(&mut state.durable_names);
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

    /// Every file, by name, as it is seen.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        state.names.iter().map(|(path, file)| (path.clone(), state.files[*file].seen().to_vec())).collect()
    }

    /// Puts a file in place, durably and whatever the disk refuses to others.
    pub fn put(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        let file = state.files.len();
        state.files.push(Contents::durable(bytes));
        state.names.insert(path.to_owned(), file);
        state.durable_names.insert(path.to_owned(), file);
    }

    /// Takes a file away, durably.
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
        state.change(Call::Create, Naming::Create(path.to_owned(), file))?;
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
        state.change(Call::Link, Naming::Create(to.to_owned(), file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let file = state.file_named(from)?;
        state.change(Call::Rename, Naming::Rename(from.to_owned(), to.to_owned(), file))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file_named(path)?;
        state.change(Call::Remove, Naming::Remove(path.to_owned()))
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.look(Call::SyncDir)?;
        for naming in std::mem::take(&mut state.unsynced_names) {
            naming.apply(&mut state.durable_names);
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
        Ok(state.files[self.file].seen().len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.look(Call::Read)?;
        state.bytes_read += buffer.len() as u64;
        let from = usize::try_from(offset).unwrap();
        let bytes = state.files[self.file].seen().get(from..from + buffer.len());
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let offset = usize::try_from(offset).unwrap();
        let seen = state.files[self.file].seen().len();
        let free = usize::try_from(state.capacity.saturating_sub(state.used())).unwrap();
        let fits = (seen + free).saturating_sub(offset).min(bytes.len());
        let (wrote, outcome) = match state.begin(Call::Write) {
            Fate::Happens if fits < bytes.len() => (fits, Err(io::ErrorKind::StorageFull.into())),
            Fate::Happens => (bytes.len(), Ok(())),
            Fate::IsLast => (fits, Err(no_power())),
            Fate::Fails(error, usize::MAX) => (bytes.len() / 2, Err(error)),
            Fate::Fails(error, wrote) => (wrote.min(bytes.len()), Err(error)),
        };
        state.files[self.file].write(offset, &bytes[..wrote]);
        outcome
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let fate = state.begin(Call::Truncate);
        if let Fate::Fails(error, _) = fate {
            return Err(error);
        }
        state.files[self.file].truncate(usize::try_from(length).unwrap());
        if matches!(fate, Fate::IsLast) { Err(no_power()) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        match state.begin(Call::Sync) {
            Fate::Happens => {
                state.files[self.file].sync();
                Ok(())
            }
            Fate::IsLast => Err(no_power()),
            Fate::Fails(error, _) => {
                state.files[self.file].fail_to_sync();
                Err(error)
            }
        }
    }
}
