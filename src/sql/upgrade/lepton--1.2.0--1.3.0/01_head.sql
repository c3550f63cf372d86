\echo Use "ALTER EXTENSION lepton UPDATE TO '1.3.0'" to load this file. \quit
