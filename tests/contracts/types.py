"""Two kinds of import contract that import-linter has not: a package's own modules, and a list of what may be imported."""

from importlinter import Contract, ContractCheck, fields, output
from importlinter.contracts.protected import ProtectedContract
from importlinter.domain.helpers import module_expressions_to_modules
from importlinter.domain.imports import Module


def package(graph, module):
    return {module, *(() if graph.is_module_squashed(module) else graph.find_descendants(module))}


class PrivateContract(ProtectedContract):
    """Each protected module is imported by its own package (the parent), and by the allowed importers.

    `protected` alone gives all modules that a wildcard names the same importers, so that one app could import
    another's models.
    """

    type_name = "private"

    allowed_importers = fields.ListField(subfield=fields.ModuleExpressionField(), required=False, default=[])

    def check(self, graph, verbose):
        for module in module_expressions_to_modules(graph, self.protected_modules):
            own = package(graph, str(module.parent))
            for protected in package(graph, module.name):
                for importer in graph.find_modules_that_directly_import(protected) & own:
                    graph.remove_import(importer=importer, imported=protected)
        return super().check(graph, verbose)


class OnlyContract(Contract):
    """The source packages import themselves and the allowed packages, directly, and nothing else.

    With `among_packages`, nothing else of those packages.
    """

    type_name = "only"

    source_modules = fields.ListField(subfield=fields.ModuleExpressionField())
    allowed_modules = fields.ListField(subfield=fields.ModuleExpressionField())
    among_packages = fields.ListField(subfield=fields.ModuleField(), required=False, default=[])

    def check(self, graph, verbose):
        allowed = {
            name
            for module in module_expressions_to_modules(graph, self.allowed_modules)
            if module.name in graph.modules
            for name in package(graph, module.name)
        }
        among = self.among_packages
        links = []
        for source in module_expressions_to_modules(graph, self.source_modules):
            own = package(graph, source.name)
            for importer in own:
                links += [
                    {
                        "importer": importer,
                        "imported": imported,
                        "line_numbers": [
                            detail["line_number"]
                            for detail in graph.get_import_details(importer=importer, imported=imported)
                        ],
                    }
                    for imported in graph.find_modules_directly_imported_by(importer) - own - allowed
                    if not among or any(Module(imported).is_in_package(part) for part in among)
                ]
        return ContractCheck(kept=not links, metadata={"illegal_links": links})

    def render_broken_contract(self, check):
        for link in check.metadata["illegal_links"]:
            where = ", ".join(f"l.{number}" for number in link["line_numbers"])
            output.print_error(f"{link['importer']} -> {link['imported']} ({where})", bold=False)
