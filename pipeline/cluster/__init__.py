"""Work that is cut into parts, done by the workers of a Spark cluster."""

from leadlens.pipeline.cluster.asked import engine_settings
from leadlens.pipeline.cluster.folder import shared_folder
from leadlens.pipeline.cluster.workers import SparkWorkers, Workers, spark_workers, workers_of

__all__ = ["SparkWorkers", "Workers", "engine_settings", "shared_folder", "spark_workers", "workers_of"]
