//! A process: the services of its roles on one listener. The only place that knows all four.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use lineal_db::{Claim, DatabaseUrl};
use lineal_inference::{Inference, InferenceConfig};
use lineal_kernel::{Clock, SystemClock};
use lineal_registry::Registry;
use lineal_rpc::{Health, LIVE, Peer, READY, ServerConfig, connect, serve, serve_health};
use lineal_trainer::Trainer;
use lineal_validator::Validator;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::service::Routes;

use crate::{config::Config, role::Role};

/// How long jobs and leases may take to end before the listener closes.
const FAREWELL: Duration = Duration::from_secs(5);

/// A bound but not yet serving process.
#[derive(Debug)]
pub struct Node {
    config: Config,
    roles: Vec<Role>,
    listener: TcpListener,
    health_listener: Option<TcpListener>,
    reflection: bool,
}

impl Node {
    /// Binds the listeners, so that addresses are known and a taken port is said at once. `reflection` shows the contracts to
    /// tools.
    pub async fn bind(config: Config, roles: &[Role], reflection: bool) -> anyhow::Result<Self> {
        let listen = config.server.listen;
        let listener = bind(listen, "server.listen").await?;
        let health_listener = match config.server.health_listen {
            Some(address) => Some(bind(address, "server.health_listen").await?),
            None => None,
        };
        if !listen.ip().is_loopback() {
            tracing::warn!(%listen, "anybody who reaches this address may do everything: keep it inside a private network");
        }
        Ok(Self { config, roles: roles.to_vec(), listener, health_listener, reflection })
    }

    /// Where the process is reached from this machine, e.g. `http://127.0.0.1:7400`.
    pub fn address(&self) -> anyhow::Result<String> {
        let bound = self.listener.local_addr()?;
        let host = if bound.ip().is_unspecified() { "127.0.0.1".to_owned() } else { bound.ip().to_string() };
        Ok(format!("http://{host}:{}", bound.port()))
    }

    /// Serves until `shutdown`, then lets work in flight finish.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let health = Health::default();
        health.set(LIVE, true).await;
        let address = self.address()?;
        let listening = CancellationToken::new();
        let probes = TaskTracker::new();
        if let Some(listener) = self.health_listener {
            probes.spawn(serve_health(listener, health.clone(), listening.clone()));
        }
        let _claims = claims(&self.config, &self.roles)?;
        let services = Services::start(&self.config, &self.roles, &address, &health).await?;
        let server =
            ServerConfig { drain: self.config.server.drain, reflection: self.reflection, ..ServerConfig::default() };
        let tasks = services.work(&shutdown);
        if !self.roles.contains(&Role::Inference) {
            health.set(READY, true).await;
        }
        tracing::info!(%address, roles = ?self.roles, "serving");
        let stopping = async {
            shutdown.cancelled().await;
            health.set(READY, false).await;
            // Jobs and leases are given back while the other services can still be told.
            if tokio::time::timeout(FAREWELL, tasks.wait()).await.is_err() {
                tracing::warn!("some work did not stop in time; it is taken up again at the next start");
            }
            // Whoever asks this process meanwhile has not heard yet that it stops.
            tokio::time::sleep(self.config.server.notice).await;
            services.end_streams();
            listening.cancel();
        };
        let served = serve(self.listener, services.mount(), &health, &server, listening.clone());
        let (served, ()) = tokio::join!(async { served.await.inspect_err(|_| shutdown.cancel()) }, stopping);
        probes.close();
        probes.wait().await;
        services.close().await;
        Ok(served?)
    }
}

/// The sole right to each file that holds tables: a second process on it would take the first one for gone.
fn claims(config: &Config, roles: &[Role]) -> anyhow::Result<Vec<Claim>> {
    let database = |role: &Role| match role {
        Role::Registry => Some(&config.registry.database),
        Role::Trainer => Some(&config.trainer.database),
        Role::Validator => Some(&config.validator.database),
        Role::Inference => None,
    };
    let claims = roles.iter().filter_map(database).map(DatabaseUrl::claim).collect::<Result<Vec<_>, _>>()?;
    Ok(claims.into_iter().flatten().collect())
}

async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; is another one running? choose a free port with {key}"))
}

/// The services of this process.
struct Services {
    registry: Option<Registry>,
    trainer: Option<Arc<Trainer>>,
    validator: Option<Validator>,
    inference: Option<Inference>,
}

impl Services {
    async fn start(config: &Config, roles: &[Role], address: &str, health: &Health) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        // Every peer is an address, also one in this process: embedded and split differ in configuration alone.
        let registry_of = |name: &str| -> anyhow::Result<Peer> {
            let registry = config.peers.registry.as_deref().unwrap_or(address);
            Ok(connect(registry, &format!("service:{name}"))?)
        };
        lineal_models::find_onnxruntime(config.onnxruntime.clone());
        let mut services = Self { registry: None, trainer: None, validator: None, inference: None };
        for role in roles {
            let clock = Arc::clone(&clock);
            match role {
                Role::Registry => services.registry = Some(Registry::open(&config.registry, clock).await?),
                Role::Trainer => {
                    let validator = config.peers.validator.as_deref().unwrap_or(address);
                    let validator = connect(validator, "service:trainer")?;
                    let trainer =
                        Trainer::open(config.trainer.clone(), registry_of("trainer")?, validator, clock).await?;
                    services.trainer = Some(Arc::new(trainer));
                }
                Role::Validator => {
                    let validator = Validator::open(config.validator.clone(), registry_of("validator")?, clock).await?;
                    services.validator = Some(validator);
                }
                Role::Inference => {
                    let settings = &config.inference;
                    let advertise = settings.advertise.clone().unwrap_or_else(|| address.to_owned());
                    let own = InferenceConfig {
                        rows_in_flight: settings.rows_in_flight,
                        batching: settings.batching.clone(),
                        load_deadline: settings.load_deadline,
                        scoring_batches: settings.scoring_batches,
                        prediction_log: settings.prediction_log.clone(),
                        mirrored_rows: settings.mirrored_rows,
                        canary_check: settings.canary_check,
                        signatures: settings.signatures.clone(),
                        idle_after: settings.idle_after,
                        ..InferenceConfig::new(settings.replica.clone(), advertise, settings.cache_dir.clone())
                    };
                    services.inference = Some(Inference::new(own, registry_of("inference")?, clock, health.clone()));
                }
            }
        }
        Ok(services)
    }

    /// Starts what runs beside answering calls: jobs and leases.
    fn work(&self, shutdown: &CancellationToken) -> TaskTracker {
        let tasks = TaskTracker::new();
        if let Some(registry) = self.registry.clone() {
            let shutdown = shutdown.clone();
            let (keeper, keeping) = (registry.clone(), shutdown.clone());
            tasks.spawn(async move { registry.reconcile(shutdown).await });
            tasks.spawn(async move { keeper.keep(keeping).await });
        }
        if let Some(registry) = self.registry.clone() {
            let shutdown = shutdown.clone();
            tasks.spawn(async move { registry.deliver(shutdown).await });
        }
        if let Some(trainer) = self.trainer.clone() {
            let shutdown = shutdown.clone();
            tasks.spawn(async move { trainer.run(shutdown).await });
        }
        if let Some(inference) = self.inference.clone() {
            let shutdown = shutdown.clone();
            tasks.spawn(async move { inference.run(shutdown).await });
        }
        tasks.close();
        tasks
    }

    fn mount(&self) -> Routes {
        let mut routes = Routes::default();
        if let Some(registry) = &self.registry {
            routes = registry.mount(routes);
        }
        if let Some(trainer) = &self.trainer {
            routes = trainer.mount(routes);
        }
        if let Some(validator) = &self.validator {
            routes = validator.mount(routes);
        }
        if let Some(inference) = &self.inference {
            routes = inference.mount(routes);
        }
        routes
    }

    /// Ends streams that their callers would keep open for ever.
    fn end_streams(&self) {
        if let Some(inference) = &self.inference {
            inference.end_streams();
        }
    }

    /// Closes databases, the registry's last: the others may still have told it something.
    async fn close(&self) {
        if let Some(inference) = &self.inference {
            inference.close().await;
        }
        if let Some(trainer) = &self.trainer {
            trainer.close().await;
        }
        if let Some(validator) = &self.validator {
            validator.close().await;
        }
        if let Some(registry) = &self.registry {
            registry.close().await;
        }
    }
}
