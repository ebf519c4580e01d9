# SPDX-License-Identifier: MIT OR Apache-2.0
#
# install and uninstall. One list of files, so that the second removes exactly what the first put
# there. Each entry is MODE:SOURCE:TARGET; mode `link` makes a symbolic link to SOURCE, modes `pc`
# and `unit` fill in the directories of a pkg-config file and of a systemd unit.

install_programs = $(foreach p,$(filter $(OUT)/bin/%,$(ALL)),\
	755:$(p):$(if $(filter %/rondo-bpfd,$(p)),$(sbindir),$(bindir))/$(notdir $(p)))
install_man = $(foreach m,$(wildcard docs/man/*.[1-8]),\
	644:$(m):$(mandir)/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
# A page of several calls is found under each of their names, which its NAME line lists.
install_man_links = $(foreach m,$(wildcard docs/man/*.3),$(foreach name,\
	$(filter-out $(basename $(notdir $(m))),$(shell sed -n '/^\.SH NAME/{n;s/ \\-.*//;s/,//g;p;q}' $(m))),\
	link:$(notdir $(m)):$(mandir)/man3/$(name).3))
install_docs = $(foreach d,$(wildcard README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE docs/*.md),\
	644:$(d):$(docdir)/$(notdir $(d)))
install_examples = $(foreach e,$(wildcard lib/examples/*.[ch]),\
	644:$(e):$(docdir)/examples/$(notdir $(e)))
install_library = 644:lib/include/rondo.h:$(includedir)/rondo.h \
	644:$(LIB_A):$(libdir)/librondo.a \
	755:$(LIB_SO):$(libdir)/librondo.so.$(VERSION) \
	link:librondo.so.$(VERSION):$(libdir)/$(LIB_SONAME) \
	link:$(LIB_SONAME):$(libdir)/librondo.so \
	pc:lib/librondo.pc.in:$(libdir)/pkgconfig/librondo.pc
# The collector's unit and settings, all of them defaults, where the collector is built.
install_service = $(if $(filter %/rondo-bpfd,$(ALL)),\
	unit:tools/systemd/rondo-bpfd.service:$(unitdir)/rondo-bpfd.service \
	644:tools/systemd/rondo-bpfd.conf:$(docdir)/rondo-bpfd.conf)
INSTALLED = $(install_service) $(install_programs) $(install_library) $(install_man) $(install_man_links) $(install_docs) $(install_examples)

.PHONY: install uninstall
install: all ## copy programs, library, header, manual pages to DESTDIR/prefix
	$(Q)set -e; for f in $(INSTALLED); do \
		mode=$${f%%:*}; f=$${f#*:}; from=$${f%%:*}; to='$(DESTDIR)'$${f#*:}; \
		mkdir -p "$$(dirname "$$to")"; \
		case $$mode in \
		link) ln -sf "$$from" "$$to" ;; \
		unit) sed -e 's|@sbindir@|$(sbindir)|' "$$from" >"$$to"; chmod 644 "$$to" ;; \
		pc) sed -e 's|@prefix@|$(prefix)|; s|@exec_prefix@|$(exec_prefix)|' \
			-e 's|@libdir@|$(libdir)|; s|@includedir@|$(includedir)|' \
			-e 's|@version@|$(VERSION)|' "$$from" >"$$to"; chmod 644 "$$to" ;; \
		*) install -m $$mode "$$from" "$$to" ;; \
		esac; \
	done

uninstall: ## remove what install put there
	$(Q)set -e; for f in $(INSTALLED); do rm -f '$(DESTDIR)'"$${f##*:}"; done
	$(Q)rmdir '$(DESTDIR)$(docdir)/examples' '$(DESTDIR)$(docdir)' 2>/dev/null || true
