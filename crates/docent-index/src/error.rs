//! What can go wrong in the embedded index, as people are told.

use docent_core::filter::FILTER_KEYS;
use docent_engine::{Error, ErrorKind};
use std::io;
use tantivy::TantivyError;
use tantivy::directory::error::{OpenReadError, OpenWriteError};

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A failure of the embedded index.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The name is no collection name.
    #[error("{name:?} is not a collection name")]
    BadName {
        /// What was given.
        name: String,
    },
    /// There is no such collection.
    #[error("there is no collection {name:?}")]
    UnknownCollection {
        /// What was asked for.
        name: String,
    },
    /// The index was written by another version of this program.
    #[error("the index has format {}, which this version does not read", found.map_or_else(|| "unknown".to_owned(), |found| found.to_string()))]
    OtherFormat {
        /// Its version, if it says one.
        found: Option<u64>,
    },
    /// Somebody else is writing.
    #[error("another ingest is writing to collection {name:?}")]
    Busy {
        /// The collection.
        name: String,
    },
    /// Somebody else is making or removing editions.
    #[error("`docent reembed` is at work on collection {name:?}")]
    Rebuilding {
        /// The collection.
        name: String,
    },
    /// Another edition of the collection took this one's place while it was being changed.
    #[error("collection {name:?} was made anew meanwhile")]
    Replaced {
        /// The collection.
        name: String,
    },
    /// What was made anew is not what the collection holds.
    #[error("the new edition of collection {name:?} has {found} and not {wanted}; the old one stays")]
    Incomplete {
        /// The collection.
        name: String,
        /// Documents and chunks that it has.
        found: String,
        /// Documents and chunks that it should have.
        wanted: String,
    },
    /// A kept edition does not let go of what was deleted.
    #[error("the documents are deleted from collection {name:?}, but not from another edition of it that is kept")]
    Kept {
        /// The collection.
        name: String,
        /// Why.
        #[source]
        cause: Box<Self>,
    },
    /// A vector comes from another model.
    #[error("collection {name:?} was made with the embedding model {wanted}, not with {found}")]
    OtherModel {
        /// The collection.
        name: String,
        /// The model of the vector.
        found: String,
        /// The model of the collection.
        wanted: String,
    },
    /// A vector has the wrong length.
    #[error("a vector has {found} dimensions, collection {name:?} holds vectors of {wanted}")]
    OtherDimension {
        /// The collection.
        name: String,
        /// Length of the vector.
        found: usize,
        /// Length of the collection's.
        wanted: usize,
    },
    /// A document to store contradicts itself.
    #[error("document {id} has {chunks} chunks and {vectors} vectors")]
    Uneven {
        /// The document.
        id: String,
        /// Its chunks.
        chunks: usize,
        /// Its vectors.
        vectors: usize,
    },
    /// The filter cannot be right.
    #[error("{message}")]
    BadFilter {
        /// What is wrong.
        message: String,
    },
    /// No room to write.
    #[error("there is no room on the disk for the index; what was stored before is unchanged")]
    DiskFull(#[source] io::Error),
    /// The files could not be read or written.
    #[error("the index could not be read or written")]
    Io(#[source] io::Error),
    /// The files do not make sense.
    #[error("collection {name:?} is damaged")]
    Damaged {
        /// The collection.
        name: String,
        /// What was found.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The text names no place for generations.
    #[error("{given:?} is no place for generations")]
    BadPlace {
        /// What was given.
        given: String,
    },
    /// The store of generations did not do what it was asked to.
    #[error("cannot {doing} {place}")]
    Store {
        /// What was tried.
        doing: &'static str,
        /// Where.
        place: String,
        /// What came back.
        #[source]
        cause: Box<object_store::Error>,
    },
    /// There is no such bucket.
    #[error("there is no bucket at {place}")]
    NoBucket {
        /// Where it was looked for.
        place: String,
    },
    /// The store does not let these credentials do it.
    #[error("{place} denies access: {code}")]
    Denied {
        /// What was tried.
        doing: &'static str,
        /// Where.
        place: String,
        /// The store's own word for why.
        code: String,
    },
    /// Nobody gave credentials for the store.
    #[error("there are no credentials for {place}")]
    NoCredentials {
        /// The store.
        place: String,
    },
    /// The proxy or the certificates for the store cannot be used.
    #[error("the connection to the store of generations cannot be set up")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nobody has published anything yet.
    #[error("no generation has been published at {place} yet")]
    NothingPublished {
        /// Where it was looked for.
        place: String,
        /// The collection that was wanted.
        name: String,
    },
    /// Other collections were published there, this one was not.
    #[error("there is no collection {name:?} at {place}")]
    NotPublished {
        /// Where it was looked for.
        place: String,
        /// The collection that was wanted.
        name: String,
    },
    /// There is no such generation.
    #[error("collection {name:?} has no generation {id:?} at {place}")]
    UnknownGeneration {
        /// Where it was looked for.
        place: String,
        /// The collection.
        name: String,
        /// What was asked for.
        id: String,
    },
    /// What was published cannot be changed in its place.
    #[error("the index at {place} is read-only")]
    ReadOnly {
        /// Where it is.
        place: String,
    },
    /// Somebody else moved the pointer first.
    #[error("somebody else changed the generations of collection {name:?} meanwhile")]
    Outrun {
        /// The collection.
        name: String,
    },
    /// An object is missing, cut short or has other bytes.
    #[error("generation {generation} is damaged at {place}: {what}")]
    DamagedGeneration {
        /// Where it lies.
        place: String,
        /// Which one.
        generation: String,
        /// What was found.
        what: String,
    },
    /// A published generation did not arrive in time.
    #[error("collection {name:?} could not be fetched in time")]
    TooSlow {
        /// The collection.
        name: String,
    },
    /// Anything else the engine below reports.
    #[error("the index failed")]
    Engine(#[source] TantivyError),
    /// What a delete must remove is still there.
    #[error(
        "the documents are deleted from collection {name:?}, but a file that holds their text, {file}, cannot be removed"
    )]
    Leftover {
        /// The collection.
        name: String,
        /// The file.
        file: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A thread of ours died.
    #[error("the index stopped working on a request")]
    Died,
}

impl Failure {
    /// What callers tell apart.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownCollection { .. }
            | Self::NotPublished { .. }
            | Self::UnknownGeneration { .. }
            | Self::NoBucket { .. } => ErrorKind::NotFound,
            Self::Busy { .. }
            | Self::Rebuilding { .. }
            | Self::Replaced { .. }
            | Self::OtherModel { .. }
            | Self::Outrun { .. } => ErrorKind::Conflict,
            Self::Kept { cause, .. } => cause.kind(),
            Self::NothingPublished { .. } | Self::Denied { .. } | Self::NoCredentials { .. } => ErrorKind::Unavailable,
            Self::TooSlow { .. } => ErrorKind::Timeout,
            Self::Store { cause, .. } => store_kind(cause),
            Self::BadName { .. }
            | Self::OtherFormat { .. }
            | Self::OtherDimension { .. }
            | Self::Uneven { .. }
            | Self::BadPlace { .. }
            | Self::Transport(_)
            | Self::ReadOnly { .. }
            | Self::BadFilter { .. } => ErrorKind::Invalid,
            Self::DamagedGeneration { .. }
            | Self::DiskFull(_)
            | Self::Io(_)
            | Self::Damaged { .. }
            | Self::Leftover { .. }
            | Self::Incomplete { .. }
            | Self::Engine(_)
            | Self::Died => ErrorKind::Internal,
        }
    }

    /// Something in the files of a collection does not make sense; [`Self::in_collection`] says in which.
    pub(crate) fn damaged(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Damaged { name: String::new(), cause: cause.into() }
    }

    /// Names the collection.
    pub(crate) fn in_collection(self, collection: &str) -> Self {
        match self {
            Self::Damaged { cause, .. } => Self::Damaged { name: collection.to_owned(), cause },
            other => other,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::BadName { .. } => "use 1 to 64 of a-z, 0-9, - and _, beginning with a letter or a digit".to_owned(),
            Self::UnknownCollection { name } => format!("ingest into it first: docent ingest PATH --collection {name}"),
            Self::OtherFormat { .. } => "delete the collection and ingest again with this version".to_owned(),
            Self::Busy { .. } | Self::Rebuilding { .. } => "wait until it is done, then repeat".to_owned(),
            Self::Replaced { .. } => "repeat".to_owned(),
            Self::Incomplete { name, .. } => {
                format!("remove the new edition and begin again: docent reembed --forget-previous --collection {name}")
            }
            Self::Kept { name, .. } => format!(
                "delete them again, or remove that edition: docent reembed --forget-previous --collection {name}"
            ),
            Self::OtherModel { .. } => "it was made anew meanwhile; configure its model, then repeat".to_owned(),
            Self::OtherDimension { .. } => "use the embedding model the collection was made with".to_owned(),
            Self::BadFilter { .. } => format!("a filter may name {}", FILTER_KEYS.join(", ")),
            Self::DiskFull(_) => "make room, then repeat; nothing has to be undone".to_owned(),
            Self::Damaged { .. } => {
                "restore the collection's folder from a copy, or delete it and ingest again".to_owned()
            }
            Self::Io(_) => "check that the data folder exists and may be read and written".to_owned(),
            Self::BadPlace { .. } => "give s3://BUCKET/PREFIX or file:///FOLDER".to_owned(),
            Self::Store { cause, .. } => store_hint(cause).to_owned(),
            Self::NoBucket { .. } => {
                "check the name of the bucket and AWS_ENDPOINT_URL; Docent does not make buckets".to_owned()
            }
            Self::Denied { code, .. } if code != "AccessDenied" => {
                "check the credentials in the AWS_ variables, AWS_REGION and this machine's clock".to_owned()
            }
            Self::Denied { doing, .. } => format!("check the AWS_ variables; their identity must be allowed {}", permission(doing)),
            Self::NoCredentials { .. } => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run it where a role gives them; ~/.aws is not read, but \
                 `aws configure export-credentials --format env` prints what it holds"
                    .to_owned()
            }
            Self::Transport(_) => "check `proxy` and `ca_file`; `docent config` shows where they were set".to_owned(),
            Self::NothingPublished { place, name } | Self::NotPublished { place, name } => {
                format!("publish it from where its folder is: docent publish {place} --collection {name}")
            }
            Self::UnknownGeneration { .. } => "`docent generations list` shows those that exist".to_owned(),
            Self::ReadOnly { place } => {
                format!("change a folder (--index FOLDER), then publish it: docent publish {place}")
            }
            Self::Outrun { .. } => "nothing was lost; look at `docent generations list`, then repeat".to_owned(),
            Self::DamagedGeneration { .. } => {
                "publish again, or go back to another one: docent generations rollback ID".to_owned()
            }
            Self::TooSlow { .. } => "ask again; what has arrived is kept".to_owned(),
            Self::Leftover { .. } => {
                "check who may remove files in the data folder, then delete the document again by its id".to_owned()
            }
            Self::Uneven { .. } | Self::Engine(_) | Self::Died => return None,
        })
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let error = Self::new(failure.kind(), failure.to_string());
        let error = match failure.hint() {
            Some(hint) => error.hint(hint),
            None => error,
        };
        match failure {
            Failure::DiskFull(cause) | Failure::Io(cause) | Failure::Leftover { cause, .. } => error.because(cause),
            Failure::Engine(cause) => error.because(cause),
            Failure::Damaged { cause, .. } | Failure::Transport(cause) => error.because(cause),
            Failure::Store { cause, .. } => error.because(cause),
            Failure::Kept { cause, .. } => error.because(cause),
            _ => error,
        }
    }
}

fn store_kind(cause: &object_store::Error) -> ErrorKind {
    match cause {
        object_store::Error::NotFound { .. } => ErrorKind::NotFound,
        // Refused credentials too: a role that was just given a permission may have to wait for it.
        _ => ErrorKind::Unavailable,
    }
}

/// What AWS calls the permission for it.
fn permission(doing: &str) -> &'static str {
    match doing {
        "list" => "s3:ListBucket",
        "read from" => "s3:GetObject and s3:ListBucket",
        "write to" => "s3:PutObject",
        _ => "s3:DeleteObject",
    }
}

fn store_hint(cause: &object_store::Error) -> &'static str {
    match cause {
        object_store::Error::NotFound { .. } => "check the name of the bucket; Docent does not make buckets",
        object_store::Error::InvalidPath { .. } => {
            "such a key is no path, and what cannot be listed must not count as gone; rename the object, or use a prefix without it"
        }
        _ => {
            "check AWS_REGION, AWS_ENDPOINT_URL and the network; credentials come from AWS_ variables or from the machine's \
             role, not from ~/.aws"
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull(error)
            }
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::damaged(error),
            _ => Self::Io(error),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::damaged(error)
    }
}

impl From<TantivyError> for Failure {
    fn from(error: TantivyError) -> Self {
        match error {
            TantivyError::IoError(cause) => copy(&cause).into(),
            TantivyError::OpenWriteError(OpenWriteError::IoError { io_error, .. })
            | TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. }) => copy(&io_error).into(),
            TantivyError::DataCorruption(_)
            | TantivyError::OpenReadError(_)
            | TantivyError::IncompatibleIndex(_)
            | TantivyError::DeserializeError(_) => Self::damaged(error),
            TantivyError::InternalError(text) | TantivyError::ErrorInThread(text) => match os_error(&text) {
                Some(cause) => cause.into(),
                None => Self::Engine(TantivyError::InternalError(text)),
            },
            other => Self::Engine(other),
        }
    }
}

/// tantivy flattens some causes to text, which then ends with the number of the system's error.
fn os_error(text: &str) -> Option<io::Error> {
    let (_, number) = text.rsplit_once("(os error ")?;
    let number = number.split(')').next()?.parse().ok()?;
    Some(io::Error::from_raw_os_error(number))
}

impl From<OpenReadError> for Failure {
    fn from(error: OpenReadError) -> Self {
        TantivyError::from(error).into()
    }
}

/// tantivy shares its causes; ours are owned.
fn copy(cause: &io::Error) -> io::Error {
    cause.raw_os_error().map_or_else(|| io::Error::new(cause.kind(), cause.to_string()), io::Error::from_raw_os_error)
}
