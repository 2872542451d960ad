"""Configurations of plug-ins on Hydra's search path. Hydra finds plugins in this namespace."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from lungcam.config.plugins import loaded_plugins


class PluginConfigs(SearchPathPlugin):
    """Folder `conf` of each package that the user's `plugins=` or an entry point has imported."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the folders; lungcam's own configurations come first."""
        for plugin in loaded_plugins():
            if plugin.configs is not None:
                search_path.append(plugin.package, f"file://{plugin.configs}")
