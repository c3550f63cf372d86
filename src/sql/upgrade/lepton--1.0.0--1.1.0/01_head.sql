\echo Use "ALTER EXTENSION lepton UPDATE TO '1.1.0'" to load this file. \quit
